using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace InverseSolver.ServiceTests.Owasp;

/// <summary>API1:2023: objects of others. The table of all operations is <see cref="AccessStories"/>; here are the ways around it.</summary>
public sealed class Api01BrokenObjectLevelAuthorization
{
    [Fact]
    public async Task Another_s_job_is_reached_by_no_form_of_its_address_and_by_no_key_of_its_submission()
    {
        using var service = new Service(folder: null, ("Access:Keys", "true"));
        using var sender = new Browser(service.Client.BaseAddress!);
        string alice = service.Key("alice", "east"), mallory = service.Key("mallory", "west", "read", "submit", "tenant");
        (string, string)[] own = [("X-API-Key", alice), ("Idempotency-Key", "one"), ("Prefer", "wait=60")];
        using HttpResponseMessage submitted = await sender.SendAsync("POST", "/v1/jobs", headersOnly: false, JsonContent.Create(Requests.Job(steps: 2)), own);
        JsonObject job = (await submitted.Content.ReadFromJsonAsync<JsonObject>())!;
        string id = Service.Id(job);
        Assert.Equal("succeeded", Service.State(job));
        foreach (string path in (string[])
        [
            $"/v1/jobs/{id}", $"/v1/jobs/{id.ToUpperInvariant()}", $"/v1/jobs/{id}/", $"/V1/JOBS/{id}", $"/v1/jobs/x/../{id}", $"/v1//jobs/{id}",
            $"/v1/jobs/{id}/artefacts", $"/v1/jobs/{id}/artefacts.zip", $"/v1/jobs/{id}/artefacts/report.json", $"/v1/jobs/{id}/artefacts/%2e%2e/result.png",
            $"/v1/jobs/{id}/events", $"/v1/jobs/none/artefacts/..%2f..%2f{id}%2fresult.png",
        ])
        {
            Assert.Equal((404, "notFound"), await sender.AskAsync("GET", path, ("X-API-Key", mallory)));
        }

        // A submission under the owner's Idempotency-Key is a job of one's own, and lists by cursor or filter have nothing of hers.
        (string, string)[] stolen = [("X-API-Key", mallory), ("Idempotency-Key", "one"), ("Prefer", "wait=60")];
        using HttpResponseMessage again = await sender.SendAsync("POST", "/v1/jobs", headersOnly: false, JsonContent.Create(Requests.Job(steps: 2)), stolen);
        string other = Service.Id((await again.Content.ReadFromJsonAsync<JsonObject>())!);
        Assert.NotEqual(id, other);
        foreach (string query in (string[])["", "?state=succeeded", "?limit=200", "?expand=request,result", $"?before={id}", $"?cursor={id}"])
        {
            using HttpResponseMessage list = await sender.SendAsync("GET", $"/v1/jobs{query}", headersOnly: false, ("X-API-Key", mallory));
            Assert.DoesNotContain(id, await list.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        // What mallory was refused is unchanged.
        Assert.Equal((404, "notFound"), await sender.AskAsync("DELETE", $"/v1/jobs/{id}", ("X-API-Key", mallory)));
        Assert.Equal((200, null), await sender.AskAsync("GET", $"/v1/jobs/{id}/artefacts/result.png", ("X-API-Key", alice)));
    }
}
