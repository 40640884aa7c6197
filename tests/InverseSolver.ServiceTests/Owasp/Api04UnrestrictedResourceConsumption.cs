using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.ImagingTests;

namespace InverseSolver.ServiceTests.Owasp;

/// <summary>
/// API4:2023: memory, time and disk. Floods of connections and bodies are in <see cref="ConnectionStories"/> and tests/attacks, hostile files in the tests of
/// formats, rates in <see cref="SessionStories"/>.
/// </summary>
public sealed class Api04UnrestrictedResourceConsumption
{
    [Fact]
    public async Task Requests_that_would_take_too_much_are_refused_before_they_take_it()
    {
        using var service = new Service(folder: null, ("Access:Keys", "true"), ("Limits:RequestBytes", "1000000"), ("Limits:JsonBytes", "1000000"));
        using var sender = new Browser(service.Client.BaseAddress!);
        (string, string) key = ("X-API-Key", service.Key("alice"));
        long before = GC.GetTotalMemory(forceFullCollection: true);
        JsonObject steps = Requests.Job(steps: 100_000), samples = Requests.Job();
        samples["solver"]!["parameters"]!["samples"] = 1_000_000;
        Assert.Equal((422, "invalidInput"), await sender.PostAsync("/v1/jobs", steps, key));
        Assert.Equal(422, (await sender.PostAsync("/v1/jobs", samples, key)).Status);
        Assert.Equal((413, "tooLarge"), await sender.PostAsync("/v1/jobs", Requests.Job(new byte[900_000]), key));
        Assert.Equal((400, "outOfRange"), await sender.AskAsync("GET", "/v1/jobs?limit=1000000", key));

        // 30,000 by 30,000 pixels of nothing, in a few kilobytes.
        JsonObject bomb = Requests.Job(PngFile.Build(30_000, 30_000, 8, 0, new byte[1 << 20]));
        Assert.Equal(422, (await sender.PostAsync("/v1/jobs", bomb, key)).Status);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 64L << 20);
    }

    [Fact]
    public async Task A_body_of_somebody_unknown_is_not_read()
    {
        using var service = new Service(folder: null, ("Access:Keys", "true"));
        using var connection = new System.Net.Sockets.TcpClient(service.Client.BaseAddress!.Host, service.Client.BaseAddress.Port);
        System.Net.Sockets.NetworkStream stream = connection.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 30000000\r\n\r\n{"));
        byte[] start = new byte[12];
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await stream.ReadExactlyAsync(start, late.Token);
        Assert.Equal("HTTP/1.1 401", Encoding.ASCII.GetString(start));
    }
}
