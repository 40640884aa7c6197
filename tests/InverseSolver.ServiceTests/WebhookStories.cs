using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Service.Webhooks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace InverseSolver.ServiceTests;

/// <summary>Stories of messages to receivers, with a real one on loopback.</summary>
public sealed class WebhookStories : IDisposable
{
    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    private static readonly (string, string)[] Settings =
        [("Webhooks:Secrets:0", Secret), ("Webhooks:Secrets:1", Other), ("Webhooks:AllowedHosts:0", "127.0.0.1"), ("Webhooks:RetryBase", "00:00:00.01")];

    private readonly string _folder = Directory.CreateTempSubdirectory("inverse-webhook-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // The vector of the specification.
    [Fact]
    public void Signatures_are_those_of_Standard_Webhooks() => Assert.Equal(
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        WebhookSignature.Of([Secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, """{"test": 2432232314}"""));

    [Fact]
    public async Task A_finished_job_is_told_with_signatures_by_every_secret_and_without_data_of_a_patient()
    {
        await using Receiver receiver = await Receiver.StartAsync(_ => 204);
        using var service = new Service(_folder, Settings);
        JsonObject request = With(Requests.Job(), receiver.Url + "?token=hidden");
        request["name"] = "knee 7";
        JsonObject job = await service.SubmitAsync(request, "wait=60");
        string id = Service.Id(job);
        Received received = await receiver.NextAsync();
        JsonObject body = JsonNode.Parse(received.Body)!.AsObject();
        Assert.Equal("job.succeeded", (string?)body["type"]);
        Assert.Equal(["type", "timestamp", "data"], body.Select(member => member.Key));
        JsonObject data = body["data"]!.AsObject();
        Assert.Equal((id, "succeeded", "knee 7"), ((string?)data["id"], (string?)data["state"], (string?)data["name"]));
        Assert.Equal(["id", "state", "name", "error", "links"], data.Select(member => member.Key));
        Assert.Equal($"/v1/jobs/{id}", (string?)data["links"]!["self"]);
        Assert.Equal("?token=hidden", received.Query);
        Assert.InRange(long.Parse(received.Timestamp), DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 60, DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1);
        string[] expected = [.. new[] { Secret, Other }.Select(secret =>
        {
            using var hmac = new HMACSHA256(Convert.FromBase64String(secret["whsec_".Length..]));
            return "v1," + Convert.ToBase64String(hmac.ComputeHash(Encoding.UTF8.GetBytes($"{received.Id}.{received.Timestamp}.{received.Body}")));
        })];
        Assert.Equal(string.Join(' ', expected), received.Signature);

        JsonObject webhook = await UntilAsync(service.Client, id, "delivered");
        Assert.Equal((1, null, receiver.Url), ((int)webhook["attempts"]!, (string?)webhook["lastError"], (string?)webhook["url"]));
        Assert.DoesNotContain(service.Log, line => line.Contains("hidden", StringComparison.Ordinal));
        string report = await service.Client.GetStringAsync($"/v1/jobs/{id}/artefacts/report.json");
        Assert.DoesNotContain("webhook", report);
    }

    [Fact]
    public async Task A_message_is_sent_again_with_the_same_id_until_it_is_accepted_and_a_slow_receiver_holds_nobody_up()
    {
        var never = new TaskCompletionSource();
        await using Receiver slow = await Receiver.StartAsync(_ => 204, never.Task);
        await using Receiver receiver = await Receiver.StartAsync(n => n < 2 ? 503 : 200);
        using var service = new Service(_folder, Settings);
        string[] others = [.. await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ => Service.Id(await service.SubmitAsync(With(Cancelled(), slow.Url)))))];
        string id = Service.Id(await service.SubmitAsync(With(Cancelled(), receiver.Url)));
        foreach (string one in others.Append(id))
        {
            using HttpResponseMessage answer = await service.Client.PostAsync($"/v1/jobs/{one}/cancel", null);
        }

        Received[] attempts = [await receiver.NextAsync(), await receiver.NextAsync(), await receiver.NextAsync()];
        Assert.Single(attempts.Select(attempt => (attempt.Id, attempt.Body)).Distinct());
        Assert.Equal("job.cancelled", (string?)JsonNode.Parse(attempts[0].Body)!["type"]);
        JsonObject webhook = await UntilAsync(service.Client, id, "delivered");
        Assert.Equal(3, (int)webhook["attempts"]!);
        // Two attempts at one host at a time.
        Assert.InRange(slow.Count, 1, 2);
        never.SetResult();
    }

    [Fact]
    public async Task A_message_that_is_never_accepted_is_kept_as_dead_with_its_reason_and_redirects_are_not_followed()
    {
        await using Receiver target = await Receiver.StartAsync(_ => 204);
        await using Receiver redirecting = await Receiver.StartAsync(_ => 302, location: target.Url);
        await using Receiver gone = await Receiver.StartAsync(_ => 410);
        using var service = new Service(_folder, [.. Settings, ("Webhooks:Attempts", "2")]);
        string redirected = Service.Id(await service.SubmitAsync(With(Cancelled(), redirecting.Url)));
        string refused = Service.Id(await service.SubmitAsync(With(Cancelled(), gone.Url)));
        string nobody = Service.Id(await service.SubmitAsync(With(Cancelled(), "http://127.0.0.1:9/")));
        foreach (string id in new[] { redirected, refused, nobody })
        {
            using HttpResponseMessage answer = await service.Client.PostAsync($"/v1/jobs/{id}/cancel", null);
        }

        JsonObject webhook = await UntilAsync(service.Client, redirected, "dead");
        Assert.Equal((2, "The receiver answered 302; redirects are not followed."), ((int)webhook["attempts"]!, (string?)webhook["lastError"]));
        webhook = await UntilAsync(service.Client, refused, "dead");
        Assert.Equal((1, "The receiver answered 410."), ((int)webhook["attempts"]!, (string?)webhook["lastError"]));
        webhook = await UntilAsync(service.Client, nobody, "dead");
        Assert.Equal((2, "The receiver cannot be reached (ConnectionRefused)."), ((int)webhook["attempts"]!, (string?)webhook["lastError"]));
        Assert.Equal((0, 2, 1), (target.Count, redirecting.Count, gone.Count));
        JsonObject figures = (await service.GetAsync("/health/ready"))["figures"]!.AsObject();
        Assert.Equal((0, 3), ((int)figures["webhooksPending"]!, (int)figures["webhooksDead"]!));
    }

    [Fact]
    public async Task A_message_survives_a_kill_between_the_end_of_its_job_and_its_delivery()
    {
        int status = 503;
        await using Receiver receiver = await Receiver.StartAsync(_ => Volatile.Read(ref status));
        (string, string)[] settings = [.. Settings.Select(setting => (setting.Item1.Replace(":", "__", StringComparison.Ordinal), setting.Item2))];
        string id;
        Received before;
        using (var first = new ServiceProcess(_folder, settings: settings))
        {
            using HttpClient client = await first.ClientAsync();
            JsonObject request = With(Requests.Job(), receiver.Url);
            request["solver"] = new JsonObject { ["type"] = "adjoint", ["preset"] = "fast" };
            using HttpResponseMessage accepted = await client.PostAsJsonAsync("/v1/jobs", request);
            id = Service.Id((await accepted.Content.ReadFromJsonAsync<JsonObject>())!);
            before = await receiver.NextAsync();
            first.Kill();
        }

        Volatile.Write(ref status, 200);
        using var second = new ServiceProcess(_folder, settings: settings);
        using HttpClient again = await second.ClientAsync();
        await UntilAsync(again, id, "delivered");
        Received after = before;
        while (receiver.Count > 0 && receiver.TryNext() is { } next)
        {
            after = next;
        }

        Assert.NotSame(before, after);
        Assert.Equal((before.Id, before.Body), (after.Id, after.Body));
        Assert.Equal("job.succeeded", (string?)JsonNode.Parse(after.Body)!["type"]);
    }

    // The answer's body never ends, and is not waited for.
    [Fact]
    public async Task Nothing_of_an_answer_is_read_but_its_headers()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.IPv6Loopback, 0);
        listener.Start();
        using var service = new Service(_folder, [.. Settings, ("Webhooks:AllowedHosts:1", "::1")]);
        string id = Service.Id(await service.SubmitAsync(With(Cancelled(), $"http://[::1]:{((IPEndPoint)listener.LocalEndpoint).Port}/")));
        using HttpResponseMessage answer = await service.Client.PostAsync($"/v1/jobs/{id}/cancel", null);
        using System.Net.Sockets.TcpClient receiver = await listener.AcceptTcpClientAsync();
        await receiver.GetStream().WriteAsync("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\nabc"u8.ToArray());
        Assert.Equal(1, (int)(await UntilAsync(service.Client, id, "delivered"))["attempts"]!);

        // The connection is closed, or reset because of what was not read.
        byte[] rest = new byte[10_000];
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            while (await receiver.GetStream().ReadAsync(rest, late.Token) > 0)
            {
            }
        }
        catch (IOException)
        {
        }
    }

    // localhost is not allowed by name, although 127.0.0.1, to which it resolves, is.
    [Fact]
    public async Task A_name_that_resolves_to_a_private_address_is_not_called()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var service = new Service(_folder, [.. Settings, ("Webhooks:Attempts", "1")]);
        string id = Service.Id(await service.SubmitAsync(With(Cancelled(), $"https://localhost:{((IPEndPoint)listener.LocalEndpoint).Port}/")));
        using HttpResponseMessage answer = await service.Client.PostAsync($"/v1/jobs/{id}/cancel", null);
        Assert.Equal(WebhookTarget.NotPublic, (string?)(await UntilAsync(service.Client, id, "dead"))["lastError"]);
        Assert.False(listener.Pending());
    }

    [Fact]
    public async Task A_receiver_that_may_not_be_called_is_refused_with_the_job()
    {
        using var service = new Service(_folder, Settings);
        foreach ((string url, string said) in new[]
        {
            ("https://10.0.0.1/", "Webhooks:AllowedHosts"),
            ("https://0x0a.1/", "Webhooks:AllowedHosts"),
            ("https://167772161/", "Webhooks:AllowedHosts"),
            ("https://[::ffff:127.0.0.1]/", "Webhooks:AllowedHosts"),
            ("https://169.254.169.254/latest/meta-data", "Webhooks:AllowedHosts"),
            ("http://example.org/", "https://"),
            ("ftp://127.0.0.1/", "https://"),
            ("file:///etc/passwd", "https://"),
            ("https://user:password@example.org/", "user or password"),
            ("/hook", "https://"),
        })
        {
            await RefusedAsync(service, url, "invalidValue", "webhook.url", said);
        }
    }

    [Fact]
    public async Task Without_a_secret_there_are_no_webhooks()
    {
        using var service = new Service(_folder);
        await RefusedAsync(service, "https://example.org/", "webhooksOff", "webhook", "Webhooks:Secrets");
    }

    [Theory]
    [InlineData("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", false)]
    [InlineData("whsec_c2hvcnQ=", false)]
    [InlineData("whsec_not Base64!", false)]
    [InlineData(Secret, true)]
    [InlineData(Other, true)]
    public void Secrets_have_a_form(string secret, bool isRight) => Assert.Equal(isRight, new WebhookSecretsAttribute().IsValid(new[] { Secret, secret }));

    [Fact]
    public async Task A_secret_that_is_none_keeps_the_service_from_starting_and_is_not_repeated()
    {
        using var refused = new ServiceProcess(_folder, settings: ("Webhooks__Secrets__0", "whsec_c2hvcnQ="));
        (int code, string error) = await refused.ExitAsync();
        Assert.Equal(2, code);
        Assert.StartsWith("Webhooks:Secrets must be whsec_ and Base64", error);
        Assert.DoesNotContain("c2hvcnQ", error);
    }

    [Theory]
    [InlineData("8.8.8.8", true)]
    [InlineData("100.63.255.255", true)]
    [InlineData("172.32.0.1", true)]
    [InlineData("2606:4700::1111", true)]
    [InlineData("::ffff:8.8.8.8", true)]
    [InlineData("64:ff9b::808:808", true)]
    [InlineData("0.0.0.0", false)]
    [InlineData("0.1.2.3", false)]
    [InlineData("10.1.2.3", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("100.127.255.255", false)]
    [InlineData("127.0.0.1", false)]
    [InlineData("127.255.0.1", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("172.16.0.1", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("192.0.0.8", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("198.18.0.1", false)]
    [InlineData("198.19.255.255", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("239.1.1.1", false)]
    [InlineData("240.0.0.1", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("::", false)]
    [InlineData("::1", false)]
    [InlineData("::127.0.0.1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fe80::1%1", false)]
    [InlineData("fec0::1", false)]
    [InlineData("fc00::1", false)]
    [InlineData("fd12::1", false)]
    [InlineData("ff02::1", false)]
    [InlineData("::ffff:10.0.0.1", false)]
    [InlineData("::ffff:169.254.169.254", false)]
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("64:ff9b::a9fe:a9fe", false)]
    [InlineData("64:ff9b:1::1", false)]
    [InlineData("2002:7f00:1::", false)]
    [InlineData("2002:a00:1::1", false)]
    [InlineData("2001:0:4136:e378::1", false)]
    [InlineData("2001:db8::1", false)]
    public void Addresses_are_public_or_not(string address, bool isPublic) => Assert.Equal(isPublic, PublicAddress.Is(IPAddress.Parse(address)));

    [Fact]
    public void Attempts_come_later_and_later()
    {
        var unit = TimeSpan.FromSeconds(5);
        Assert.Equal(
            [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400, 86400],
            Enumerable.Range(1, 10).Select(failed => WebhookSender.Delay(unit, failed, 0).TotalSeconds));
        Assert.Equal(6.25, WebhookSender.Delay(unit, 1, 1).TotalSeconds);
    }

    private static JsonObject With(JsonObject request, string url)
    {
        request["webhook"] = new JsonObject { ["url"] = url };
        return request;
    }

    private static JsonObject Cancelled() => Requests.LongJob();

    private static async Task RefusedAsync(Service service, string url, string code, string field, string said)
    {
        using HttpResponseMessage response = await service.Client.PostAsJsonAsync("/v1/jobs", With(Requests.Job(), url));
        JsonObject error = (await response.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal((422, code, field), ((int)response.StatusCode, (string?)error["code"], (string?)error["field"]));
        Assert.Contains(said, (string?)error["detail"]);
    }

    private static async Task<JsonObject> UntilAsync(HttpClient client, string id, string state)
    {
        for (int i = 0; i < 600; i++)
        {
            JsonObject webhook = (await client.GetFromJsonAsync<JsonObject>($"/v1/jobs/{id}"))!["webhook"]!.AsObject();
            if ((string?)webhook["state"] == state)
            {
                return webhook;
            }

            await Task.Delay(100);
        }

        throw new TimeoutException($"The message did not become {state}.");
    }

    private sealed record Received(string Id, string Timestamp, string Signature, string Body, string Query);

    /// <summary>A receiver that keeps what it gets, and answers each message by its number.</summary>
    private sealed class Receiver : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private readonly ConcurrentQueue<Received> _received = new();
        private readonly SemaphoreSlim _arrived = new(0);
        private int _count;

        private Receiver(Func<int, int> status, Task? wait, string? location)
        {
            WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            _app = builder.Build();
            _app.Run(async http =>
            {
                using var reader = new StreamReader(http.Request.Body);
                IHeaderDictionary headers = http.Request.Headers;
                _received.Enqueue(new Received(
                    headers["webhook-id"]!, headers["webhook-timestamp"]!, headers["webhook-signature"]!, await reader.ReadToEndAsync(),
                    http.Request.QueryString.Value!));
                int count = Interlocked.Increment(ref _count);
                _arrived.Release();
                await (wait ?? Task.CompletedTask).WaitAsync(http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                http.Response.StatusCode = status(count - 1);
                http.Response.Headers.Location = location;
            });
        }

        public string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + "/hook";

        public int Count => Volatile.Read(ref _count);

        public static async Task<Receiver> StartAsync(Func<int, int> status, Task? wait = null, string? location = null)
        {
            var receiver = new Receiver(status, wait, location);
            await receiver._app.StartAsync();
            return receiver;
        }

        public async Task<Received> NextAsync()
        {
            Assert.True(await _arrived.WaitAsync(TimeSpan.FromSeconds(60)));
            return TryNext()!;
        }

        public Received? TryNext() => _received.TryDequeue(out Received? received) ? received : null;

        public async ValueTask DisposeAsync() => await _app.DisposeAsync();
    }
}
