using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace InverseSolver.ServiceTests;

/// <summary>Connections that say nothing keep nobody out; answers are compressed where that helps.</summary>
public sealed class ConnectionStories
{
    [Fact]
    public async Task Health_answers_beside_more_than_a_thousand_connections_that_say_nothing_or_half_a_head()
    {
        string folder = Directory.CreateTempSubdirectory("inverse-silent-").FullName;
        var silent = new List<RawCall>();
        using (var process = new ServiceProcess(folder))
        {
            using HttpClient client = await process.ClientAsync();
            for (int i = 0; i < 1200; i++)
                silent.Add(await RawCall.ConnectAsync(client.BaseAddress!, i % 2 == 0 ? "" : "GET /health/live HTTP/1.1\r\nHost: local"));
            foreach (string path in (string[])["/health/live", "/health/ready"])
            {
                // A connection of its own each time.
                using HttpClient caller = await process.ClientAsync();
                using HttpResponseMessage answer = await caller.GetAsync(path);
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            }

            // The oldest were ended.
            Assert.Equal("", await silent[0].ReadAsync());
            Assert.Equal("", await silent[1].ReadAsync());
            silent.ForEach(call => call.Dispose());
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_connection_whose_request_is_answered_is_not_ended_for_others()
    {
        using var service = new Service(folder: null, ("Limits:SilentConnections", "4"));
        Uri address = service.Client.BaseAddress!;
        JsonObject job = await service.SubmitAsync(Requests.LongJob());
        using RawCall events = await RawCall.ConnectAsync(address, $"GET /v1/jobs/{Service.Id(job)}/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
        byte[] buffer = new byte[64 * 1024];
        Assert.NotEqual(0, await events.Stream.ReadAsync(buffer));
        var silent = new List<RawCall>();
        for (int i = 0; i < 10; i++) silent.Add(await RawCall.ConnectAsync(address));
        Assert.Equal("", await silent[0].ReadAsync());
        await silent[9].SendAsync("GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200", await silent[9].ReadAsync(), StringComparison.Ordinal);
        using HttpResponseMessage cancel = await service.Client.PostAsync($"/v1/jobs/{Service.Id(job)}/cancel", null);
        Assert.Contains("\"cancelled\"", await events.ReadAsync(), StringComparison.Ordinal);
        silent.ForEach(call => call.Dispose());
    }

    [Fact]
    public async Task Of_too_many_requests_in_progress_those_of_the_caller_that_has_most_give_way_and_health_answers()
    {
        const int most = 16;
        using var service = new Service(folder: null, ("Limits:OpenRequests", $"{most}"));
        JsonObject job = await service.SubmitAsync(Requests.LongJob());
        var streams = new List<RawCall>();
        byte[] buffer = new byte[64 * 1024];
        for (int i = 0; i < most; i++)
        {
            streams.Add(await RawCall.ConnectAsync(
                service.Client.BaseAddress!, $"GET /v1/jobs/{Service.Id(job)}/events HTTP/1.1\r\nHost: localhost\r\n\r\n"));
            Assert.NotEqual(0, await streams[i].Stream.ReadAsync(buffer));
        }

        using HttpResponseMessage own = await service.Client.GetAsync("/v1/jobs");
        Assert.Equal((HttpStatusCode)503, own.StatusCode);
        Assert.Equal("busy", (string?)JsonNode.Parse(await own.Content.ReadAsStringAsync())!["code"]);
        using HttpResponseMessage health = await service.Client.GetAsync("/health/live");
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/jobs") { Headers = { { "X-API-Key", service.Key("other") } } };
        using HttpResponseMessage other = await service.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);

        // The oldest made room, and its place is free.
        await streams[0].ReadAsync();
        using HttpResponseMessage cancel = await service.Client.PostAsync($"/v1/jobs/{Service.Id(job)}/cancel", null);
        Assert.Equal(HttpStatusCode.Accepted, cancel.StatusCode);
        Assert.Contains("\"cancelled\"", await streams[^1].ReadAsync(), StringComparison.Ordinal);
        streams.ForEach(call => call.Dispose());
    }

    [Fact]
    public async Task Json_is_compressed_for_those_who_accept_it_and_artefacts_and_events_are_not()
    {
        using var service = new Service();
        string plain = await service.Client.GetStringAsync("/v1/solvers");
        using HttpResponseMessage packed = await GetAsync("/v1/solvers");
        Assert.Equal(["br"], packed.Content.Headers.ContentEncoding);
        Assert.Contains("Accept-Encoding", packed.Headers.Vary);
        byte[] bytes = await packed.Content.ReadAsByteArrayAsync();
        Assert.InRange(bytes.Length, 1, plain.Length / 2);
        await using var unpacked = new System.IO.Compression.BrotliStream(new MemoryStream(bytes), System.IO.Compression.CompressionMode.Decompress);
        Assert.Equal(plain, await new StreamReader(unpacked).ReadToEndAsync());

        JsonObject job = await service.SubmitAsync(Requests.Job(), prefer: "wait=60");
        foreach (string path in (string[])["artefacts/report.json", "artefacts/result.png", "artefacts/result.npy", "events"])
        {
            using HttpResponseMessage answer = await GetAsync($"/v1/jobs/{Service.Id(job)}/{path}");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.DoesNotContain("br", answer.Content.Headers.ContentEncoding);
        }

        async Task<HttpResponseMessage> GetAsync(string path)
        {
            using var message = new HttpRequestMessage(HttpMethod.Get, path);
            message.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("br"));
            return await service.Client.SendAsync(message);
        }
    }
}
