using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Service.Events;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Storage;
using Microsoft.Extensions.Options;

namespace InverseSolver.ServiceTests;

/// <summary>Stories of listeners who come late, come back, or wait.</summary>
public sealed class EventStories(Service service) : IClassFixture<Service>, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("inverse-events-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task All_changes_are_replayed_in_order_each_with_the_job_of_its_moment()
    {
        string id = Service.Id(await service.SubmitAsync(Requests.Job(steps: 6), "wait=60"));
        List<ServerEvent> all = await AllAsync(service, id, "0");
        Assert.Equal(Enumerable.Range(1, all.Count).Select(seq => $"{seq}"), all.Select(happened => happened.Id));
        Assert.Equal(["queued", "running"], all[..2].Select(happened => Service.State(happened.Job!)));
        Assert.Null(all[0].Job!["started"]);
        Assert.NotNull(all[1].Job!["started"]);
        Assert.All(all[..^1], happened =>
        {
            Assert.Equal("progress", happened.Type);
            Assert.Null(happened.Job!["result"]);
            Assert.Null(happened.Job!["finished"]);
            Assert.EndsWith("/cancel", (string?)happened.Job!["links"]!["cancel"]);
        });
        int[] steps = [.. all[2..^1].Select(happened => (int)happened.Job!["progress"]!["step"]!)];
        Assert.True(steps.Length > 3);
        Assert.Equal(steps.Order(), steps);
        Assert.Equal(("finished", "succeeded"), (all[^1].Type, Service.State(all[^1].Job!)));
        Assert.NotNull(all[^1].Job!["result"]);

        // From the middle the same again; without an id the current state alone.
        Assert.Equal(all[3..].Select(Data), (await AllAsync(service, id, "3")).Select(Data));
        Assert.Equal(Data(all[^1]), Data(Assert.Single(await AllAsync(service, id, null))));

        static string Data(ServerEvent happened) => happened.Data.ToJsonString();
    }

    [Fact]
    public async Task An_id_that_the_job_never_had_brings_a_snapshot_first()
    {
        string id = Service.Id(await service.SubmitAsync(Requests.Job(), "wait=60"));
        List<ServerEvent> all = await AllAsync(service, id, "100000");
        Assert.Equal(["snapshot", "finished"], all.Select(happened => happened.Type));
        Assert.Equal(all[0].Id, all[1].Id);
        Assert.All(all, happened => Assert.Equal("succeeded", Service.State(happened.Job!)));
        using var over = new HttpRequestMessage(HttpMethod.Get, $"/v1/jobs/{id}/events") { Headers = { { "Last-Event-ID", all[1].Id } } };
        using HttpResponseMessage nothing = await service.Client.SendAsync(over);
        Assert.Equal(HttpStatusCode.NoContent, nothing.StatusCode);
    }

    [Fact]
    public async Task What_a_listener_saw_before_a_kill_and_after_it_is_every_event_once_and_in_order()
    {
        var seen = new List<(long Seq, string Type)>();
        string id;
        using (var first = new ServiceProcess(_folder))
        {
            using HttpClient client = await first.ClientAsync();
            using HttpResponseMessage accepted = await client.PostAsJsonAsync("/v1/jobs", Requests.Job(steps: 14));
            id = Service.Id((await accepted.Content.ReadFromJsonAsync<JsonObject>())!);
            await ListenAsync(client, id, "0", seen, until: 6);
            first.Kill();
        }

        long before = seen[^1].Seq;
        using (var second = new ServiceProcess(_folder))
        {
            using HttpClient client = await second.ClientAsync();
            await ListenAsync(client, id, $"{before}", seen, until: long.MaxValue);
        }

        Assert.InRange(before, 5, seen[^1].Seq - 3);
        Assert.Equal(Enumerable.Range(1, seen.Count).Select(seq => (long)seq), seen.Select(happened => happened.Seq));
        Assert.All(seen[..^1], happened => Assert.Equal("progress", happened.Type));
        Assert.Equal("finished", seen[^1].Type);
    }

    [Fact]
    public void The_newest_thousand_events_are_kept_and_go_with_their_job()
    {
        using var database = StoreOptions.Database(_folder);
        JobStore store = StoreOptions.Store(database, _folder);
        using var signals = new JobSignals();
        var feed = new JobEventFeed(database, store, signals);
        string request = """
            {"model":"m","problem":{"type":"denoising"},"solver":{"type":"t","preset":"p","parameters":{}},"seed":0,"previews":false,"files":{}}
            """;
        string id = store.Add(new NewJob(Guid.CreateVersion7().ToString(), request, null, "hash"), 9)!.Id;
        JobRow job = store.Claim("me", TimeSpan.FromMinutes(1))!;
        feed.Enter(id);
        for (int step = 3; step <= 1010; step++)
        {
            store.Report(id, job.Epoch, $$"""{"stage":"sampling","step":{{step}},"of":2000,"elapsedSeconds":1}""");
        }

        JobReading reading = feed.Read(id, TimeSpan.FromMinutes(1));
        Assert.Equal([(1010L, "snapshot")], Told(reading, 9));
        Assert.Equal((11L, "progress"), Told(reading, 10)[0]);
        Assert.Equal((90, 100, 10), (Told(reading, 10).Length, Told(reading, 100).Length, Told(reading, 1000).Length));
        Assert.Contains("\"step\":11,", Text(reading.Since(10)[0]));
        Assert.Equal([(1009L, "progress"), (1010L, "progress")], Told(reading, 1008));
        Assert.Empty(Told(reading, 1010));
        Assert.Equal([(1010L, "snapshot")], Told(reading, 1011));

        // Listeners share what is read, until something changes.
        Assert.Same(reading, feed.Read(id, TimeSpan.FromMinutes(1)));
        Assert.Same(reading.Since(1009), reading.Since(1009));
        Assert.NotSame(reading, feed.Read(id, TimeSpan.Zero));
        store.Succeed(id, job.Epoch, "null");
        signals.Changed(id);
        JobReading last = feed.Read(id, TimeSpan.FromMinutes(1));
        Assert.Equal([(1010L, "progress"), (1011L, "finished")], Told(last, 1009));
        Assert.Equal([(1011L, "snapshot"), (1011L, "finished")], Told(last, 3));
        feed.Leave(id);
        Assert.True(store.Delete(id));
        using Microsoft.Data.Sqlite.SqliteConnection connection = database.Open();
        Assert.Equal(0, Dapper.SqlMapper.ExecuteScalar<int>(connection, "SELECT COUNT(*) FROM job_events"));
    }

    // A solver whose stages alternate with every step.
    [Fact]
    public async Task Progress_comes_once_a_second_at_most_whatever_the_stages_and_previews()
    {
        using var slow = new Service(null, ("Jobs:ProgressInterval", "00:00:01"), ("Jobs:PreviewInterval", "00:00:00"));
        JsonObject request = Requests.Job();
        request["solver"] = new JsonObject { ["type"] = "daps", ["preset"] = "fast" };
        string id = Service.Id(await slow.SubmitAsync(request));
        double[] times = [.. (await AllAsync(slow, id, "0")).Where(happened => happened.Job!["progress"] is not null && happened.Type == "progress")
            .Select(happened => (double)happened.Job!["progress"]!["elapsedSeconds"]!)];
        Assert.All(times.Zip(times.Skip(1)), pair => Assert.True(pair.Second - pair.First > 0.9, $"{pair.First} {pair.Second}"));
    }

    [Fact]
    public async Task Heartbeats_are_comments_and_no_events()
    {
        using var quick = new Service(null, ("Jobs:EventHeartbeat", "00:00:00.1"));
        await quick.SubmitAsync(Requests.LongJob());
        string waiting = Service.Id(await quick.SubmitAsync(Requests.Job()));
        using HttpResponseMessage events = await quick.Client.GetAsync($"/v1/jobs/{waiting}/events", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", events.Content.Headers.ContentType!.ToString());
        using var reader = new StreamReader(await events.Content.ReadAsStreamAsync());
        var lines = new List<string?>();
        while (lines.Count(line => line?.StartsWith(':') == true) < 3)
        {
            lines.Add(await reader.ReadLineAsync());
        }

        Assert.Equal(["id: 1", "event: progress"], lines[..2]);
        Assert.StartsWith("data: {\"job\":{\"id\":", lines[2]);
        Assert.Equal(["", ": heartbeat", "", ": heartbeat", "", ": heartbeat"], lines[3..]);
    }

    [Fact]
    public async Task Listeners_of_one_job_all_see_the_same()
    {
        string id = Service.Id(await service.SubmitAsync(Requests.Job(steps: 10)));
        List<ServerEvent>[] all = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => AllAsync(service, id, "0")));
        string expected = Ids(await AllAsync(service, id, "0"));
        Assert.All(all, one => Assert.Equal(expected, Ids(one)));

        static string Ids(List<ServerEvent> events) => string.Join(' ', events.Select(happened => $"{happened.Id} {happened.Type}"));
    }

    private static (long, string)[] Told(JobReading reading, long seen) =>
        [.. reading.Since(seen).Select(frame => (frame.Seq, Text(frame).Split('\n')[1]["event: ".Length..]))];

    private static string Text(JobEventFrame frame) => Encoding.UTF8.GetString(frame.Bytes);

    private static async Task<List<ServerEvent>> AllAsync(Service service, string id, string? lastEventId)
    {
        var all = new List<ServerEvent>();
        await foreach (ServerEvent happened in service.EventsAsync(id, lastEventId))
        {
            all.Add(happened);
        }

        return all;
    }

    private static async Task ListenAsync(HttpClient client, string id, string lastEventId, List<(long Seq, string Type)> seen, long until)
    {
        using var message = new HttpRequestMessage(HttpMethod.Get, $"/v1/jobs/{id}/events") { Headers = { { "Last-Event-ID", lastEventId } } };
        using HttpResponseMessage events = await client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await events.Content.ReadAsStreamAsync());
        long seq = 0;
        while (await reader.ReadLineAsync() is { } line && seq < until)
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                seq = long.Parse(line[4..]);
            }
            else if (line.StartsWith("event: ", StringComparison.Ordinal))
            {
                seen.Add((seq, line[7..]));
            }
        }
    }
}
