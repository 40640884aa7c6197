using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace InverseSolver.ServiceTests.Owasp;

/// <summary>
/// API10:2023: what others answer to the service. Receivers of webhooks are in <see cref="WebhookStories"/>, the issuer's tokens in
/// <see cref="IdentityStories"/>, proxies in <see cref="SessionStories"/>; here is an issuer that answers wrongly.
/// </summary>
public sealed class Api10UnsafeConsumptionOfApis
{
    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\nnot JSON!", 503, "issuerUnavailable")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 401, "invalidToken")]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", 503, "issuerUnavailable")]
    [InlineData("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 503, "issuerUnavailable")]
    [InlineData("nonsense\r\n\r\n", 503, "issuerUnavailable")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n ", 503, "issuerUnavailable")]
    [InlineData("", 503, "issuerUnavailable")]
    public async Task An_issuer_that_answers_wrongly_or_never_opens_nothing_and_holds_nobody_else_up(string answer, int status, string code)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var stop = new CancellationTokenSource();
        Task answering = AnswerAsync(listener, answer, stop.Token);
        try
        {
            using var service = new Service(
                folder: null, ("Access:Keys", "true"), ("Oidc:Authority", $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"),
                ("Oidc:RequireHttps", "false"));
            using var sender = new Browser(service.Client.BaseAddress!);
            const string token = "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJhbGljZSIsInNjb3BlIjoiYWRtaW4ifQ.AAAA";
            var clock = Stopwatch.StartNew();
            Task<(int Status, string? Code)> forged = sender.AskAsync("GET", "/v1/jobs", ("Authorization", token));
            string key = service.Key("alice");
            for (int i = 0; i < 5; i++) Assert.Equal((200, null), await sender.AskAsync("GET", "/v1/jobs", ("X-API-Key", key)));
            Assert.Equal((status, code), await forged);
            Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(30));
        }
        finally
        {
            await stop.CancelAsync();
            listener.Stop();
            await answering;
        }
    }

    // An answer that is empty never comes.
    private static async Task AnswerAsync(TcpListener listener, string answer, CancellationToken stop)
    {
        var open = new List<TcpClient>();
        try
        {
            while (true)
            {
                TcpClient caller = await listener.AcceptTcpClientAsync(stop);
                open.Add(caller);
                await caller.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer), stop);
                if (answer.Length > 0 && !answer.Contains("chunked", StringComparison.Ordinal)) caller.Close();
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or IOException)
        {
            // The test is over.
        }

        foreach (TcpClient caller in open) caller.Dispose();
    }
}
