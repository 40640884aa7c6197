using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace InverseSolver.ServiceTests.Owasp;

/// <summary>API3:2023: members of objects. None can be set that is not the sender's, and none is shown that the reader has no need of.</summary>
public sealed class Api03BrokenObjectPropertyLevelAuthorization
{
    [Fact]
    public async Task Members_that_the_service_sets_are_refused_in_requests()
    {
        using var service = new Service(folder: null, ("Access:Keys", "true"));
        using var sender = new Browser(service.Client.BaseAddress!);
        (string, string) key = ("X-API-Key", service.Key("alice", "east")), root = ("X-API-Key", service.Key("root", "", "admin"));
        string[] members = ["id", "caller", "account", "tenant", "state", "result", "attempts", "finished", "artefacts", "bytes", "modelHash", "Model"];
        foreach (string member in members)
        {
            JsonObject job = Requests.Job();
            job[member] = "x";
            Assert.Equal((400, "unknownMember"), await sender.PostAsync("/v1/jobs", job, key));
        }

        JsonObject made = new() { ["account"] = "bob", ["scopes"] = new JsonArray("read") };
        foreach (string member in (string[])["id", "key", "hash", "secret", "created", "expires", "revoked", "lastUsed"])
        {
            JsonObject with = made.DeepClone().AsObject();
            with[member] = "x";
            Assert.Equal((400, "unknownMember"), await sender.PostAsync("/v1/keys", with, root));
        }
    }

    [Fact]
    public async Task Answers_have_no_secret_no_path_and_no_account_of_others()
    {
        const string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        using var service = new Service(folder: null, ("Access:Keys", "true"), ("Webhooks:Secrets:0", secret), ("Webhooks:AllowedHosts:0", "127.0.0.1"));
        using var sender = new Browser(service.Client.BaseAddress!);
        string key = service.Key("alice", "east"), root = service.Key("root", "", "admin", "read", "submit");
        JsonObject request = Requests.Job(steps: 2);
        request["webhook"] = new JsonObject { ["url"] = "http://127.0.0.1:9/hook?token=hidden" };
        using HttpResponseMessage submitted = await sender.SendAsync(
            "POST", "/v1/jobs", headersOnly: false, JsonContent.Create(request), ("X-API-Key", key), ("Prefer", "wait=60"));
        string id = Service.Id((await submitted.Content.ReadFromJsonAsync<JsonObject>())!);
        string[] paths =
        [
            $"/v1/jobs/{id}", "/v1/jobs?expand=request,result", $"/v1/jobs/{id}/artefacts", $"/v1/jobs/{id}/artefacts/report.json", "/v1/models",
            "/v1/problems",
            "/v1/solvers", "/v1/session", "/health/ready", "/v1/keys", "/v1/quotas", "/v1/audit",
        ];
        foreach (string path in paths)
        {
            bool isAdmin = path is "/v1/keys" or "/v1/quotas" or "/v1/audit";
            using HttpResponseMessage answer = await sender.SendAsync("GET", path, headersOnly: false, ("X-API-Key", isAdmin ? root : key));
            string text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, path);
            string[] inside = [secret, "hidden", key.Split('_')[2], root.Split('_')[2], service.Folder, Repository.Root, "leaseOwner", "lease_owner"];
            foreach (string hidden in inside)
                Assert.DoesNotContain(hidden, text, StringComparison.Ordinal);
            if (!isAdmin) Assert.DoesNotContain("root", text, StringComparison.Ordinal);
        }
    }
}
