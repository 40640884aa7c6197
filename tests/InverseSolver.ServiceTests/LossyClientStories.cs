extern alias client;

using System.Net;
using System.Text;
using client::InverseSolver.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace InverseSolver.ServiceTests;

/// <summary>The C# client where what lies between it and the service fails.</summary>
public sealed class LossyClientStories(Service service) : IClassFixture<Service>
{
    private static readonly Dictionary<string, byte[]> Files = new() { ["measurement"] = Requests.Png() };

    private static JobRequest Request => new()
    {
        Model = "brain-mri-128",
        Problem = new Denoising(),
        Sigma = 0.05,
        Solver = new AdjointSolver { Preset = SolverChoicePreset.Fast },
    };

    [Fact]
    public async Task A_download_that_arrives_damaged_or_cut_is_made_again()
    {
        var damage = new Faults(request => request.RequestUri!.AbsolutePath.EndsWith("/result.npy", StringComparison.Ordinal), 2, async answer =>
        {
            byte[] bytes = await answer.Content.ReadAsByteArrayAsync();
            bytes[^1] ^= 1;
            answer.Content = new ByteArrayContent(bytes);
        });
        using var client = new InverseClient(service.Client.BaseAddress!, handler: damage);
        Job job = await client.WaitAsync((await client.SubmitAsync(Request, Files)).Id);
        Assert.Equal(await service.Client.GetByteArrayAsync($"/v1/jobs/{job.Id}/artefacts/result.npy"), await client.DownloadAsync(job, "result.npy"));
        Assert.Equal(3, damage.Seen);
        damage.Left = 100;
        await Assert.ThrowsAsync<InvalidDataException>(() => client.DownloadAsync(job, "result.npy"));
    }

    [Fact]
    public async Task Where_a_proxy_lets_no_events_through_the_job_is_asked_for()
    {
        var gateway = new Faults(request => request.RequestUri!.AbsolutePath.EndsWith("/events", StringComparison.Ordinal), 100, answer =>
        {
            answer.StatusCode = HttpStatusCode.BadGateway;
            answer.Content = new StringContent("<html>502</html>", Encoding.UTF8, "text/html");
            return Task.CompletedTask;
        });
        using var client = new InverseClient(service.Client.BaseAddress!, handler: gateway);
        Assert.Equal(JobState.Succeeded, (await client.WaitAsync((await client.SubmitAsync(Request, Files)).Id)).State);
        Assert.True(gateway.Seen > 0);
    }

    [Theory]
    [InlineData("<html>Welcome</html>", 200), InlineData("{}", 200), InlineData("[]", 202), InlineData("", 302)]
    public async Task An_answer_of_something_else_is_said_to_be_that(string text, int status)
    {
        await using WebApplication other = await OtherAsync(async http =>
        {
            http.Response.StatusCode = status;
            if (status == 302) http.Response.Headers.Location = "/v1/jobs";
            await http.Response.WriteAsync(text);
        });
        using var client = new InverseClient(new Uri(other.Urls.Single()));
        ApiException refused = await Assert.ThrowsAsync<ApiException>(() => client.SubmitAsync(Request, Files));
        Assert.Equal(status, refused.StatusCode);
        Assert.Contains("not the service's", refused.Message, StringComparison.Ordinal);
        if (text != "{}") await Assert.ThrowsAsync<ApiException>(() => client.GetJsonAsync("v1/models"));
    }

    [Fact]
    public async Task A_service_that_is_silent_is_left_after_a_while()
    {
        await using WebApplication silent = await OtherAsync(http => Task.Delay(Timeout.Infinite, http.RequestAborted));
        using var client = new InverseClient(new Uri(silent.Urls.Single())) { Patience = TimeSpan.FromSeconds(0.3) };
        HttpRequestException left = await Assert.ThrowsAsync<HttpRequestException>(() => client.SubmitAsync(Request, Files));
        Assert.Contains("has not answered", left.Message, StringComparison.Ordinal);
    }

    private static async Task<WebApplication> OtherAsync(RequestDelegate answer)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication app = builder.Build();
        app.Run(answer);
        await app.StartAsync();
        return app;
    }

    // Spoils the first answers to some requests.
    private sealed class Faults(Func<HttpRequestMessage, bool> concerns, int left, Func<HttpResponseMessage, Task> spoil)
        : DelegatingHandler(new SocketsHttpHandler())
    {
        internal int Left { get; set; } = left;

        internal int Seen { get; private set; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            HttpResponseMessage answer = await base.SendAsync(request, cancellationToken);
            if (!concerns(request)) return answer;
            Seen++;
            if (Left-- > 0) await spoil(answer);
            return answer;
        }
    }
}
