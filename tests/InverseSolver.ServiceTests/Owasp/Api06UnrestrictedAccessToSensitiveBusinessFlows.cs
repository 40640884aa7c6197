using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace InverseSolver.ServiceTests.Owasp;

/// <summary>API6:2023: the queue. Nobody takes it from others by sending much, under several keys, or by priorities.</summary>
public sealed class Api06UnrestrictedAccessToSensitiveBusinessFlows
{
    [Fact]
    public async Task Who_fills_the_queue_leaves_room_and_turns_for_others()
    {
        using var service = new Service(folder: null, ("Access:Keys", "true"), ("Callers:Waiting", "3"), ("Models:Device", "cpu"));
        using var sender = new Browser(service.Client.BaseAddress!);
        string[] greedy = [service.Key("greedy", "east"), service.Key("greedy", "east")];
        var sent = new List<string>();
        int refused = 0;
        for (int i = 0; i < 12; i++)
        {
            // Each other key is another key of the same account.
            JsonObject job = Requests.LongJob();
            job["priority"] = "high";
            job["seed"] = i;
            using HttpResponseMessage answer = await SubmitAsync(job, greedy[i % 2]);
            JsonObject body = (await answer.Content.ReadFromJsonAsync<JsonObject>())!;
            if ((int)answer.StatusCode == 202) sent.Add(Service.Id(body));
            else refused += ((int)answer.StatusCode, (string?)body["code"]) == (429, "quotaWaiting") ? 1 : 0;
        }

        Assert.InRange(sent.Count, 3, 4);
        Assert.Equal(12, sent.Count + refused);
        using HttpResponseMessage late = await SubmitAsync(Requests.Job(steps: 2), service.Key("patient", "west"));
        Assert.Equal(202, (int)late.StatusCode);
        string id = Service.Id((await late.Content.ReadFromJsonAsync<JsonObject>())!);

        // The job that runs is cancelled: the next turn is the other account's, whatever the priority of those before it.
        string admin = service.Key("root", "", "read", "submit", "admin");
        string running = "";
        while (running.Length == 0)
        {
            foreach (string one in sent)
            {
                if (Service.State(await sender.JsonAsync("GET", $"/v1/jobs/{one}", ("X-API-Key", admin))) == "running") running = one;
            }

            await Task.Delay(50);
        }

        Assert.Equal(2, (await sender.AskAsync("POST", $"/v1/jobs/{running}/cancel", ("X-API-Key", admin))).Status / 100);
        JsonObject done = new();
        while (!Service.IsFinal(done = await sender.JsonAsync("GET", $"/v1/jobs/{id}", ("X-API-Key", admin)))) await Task.Delay(50);
        Assert.Equal("succeeded", Service.State(done));
        foreach (string one in sent.Where(one => one != running))
        {
            JsonObject other = await sender.JsonAsync("GET", $"/v1/jobs/{one}", ("X-API-Key", admin));
            Assert.True(other["started"] is null || (DateTimeOffset)other["started"]! >= (DateTimeOffset)done["started"]!);
        }

        foreach (string one in sent) await sender.AskAsync("POST", $"/v1/jobs/{one}/cancel", ("X-API-Key", admin));

        Task<HttpResponseMessage> SubmitAsync(JsonObject job, string key) =>
            sender.SendAsync("POST", "/v1/jobs", headersOnly: false, JsonContent.Create(job), ("X-API-Key", key));
    }
}
