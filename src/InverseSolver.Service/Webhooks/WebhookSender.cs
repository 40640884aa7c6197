using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Webhooks;

/// <summary>Sends the messages that are due, again and again until they are accepted or given up. A slow receiver occupies no more than its share.</summary>
internal sealed partial class WebhookSender(WebhookStore store, WebhookClient client, IOptions<WebhookOptions> options, ILogger<WebhookSender> log)
    : BackgroundService
{
    private const int PerHost = 2;
    private const int Parallel = 64;

    // After 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, as Standard Webhooks recommends, in units of the first.
    private static readonly int[] Delays = [1, 60, 360, 1440, 3600, 7200, 10_080, 14_400, 17_280];

    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    /// <summary>Adds webhooks.</summary>
    public static void Add(IServiceCollection services)
    {
        services.AddOptions<WebhookOptions>().BindConfiguration(WebhookOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<WebhookOptions>, WebhookOptionsValidator>();
        services.AddSingleton<WebhookStore>().AddSingleton<WebhookClient>().AddHostedService<WebhookSender>();
    }

    /// <summary>The time before the next attempt, with up to a quarter more, so that messages of a receiver that was down do not all return at once.</summary>
    /// <param name="unit">The time before the second attempt.</param>
    /// <param name="failed">Attempts that failed, from 1.</param>
    /// <param name="random">A number from 0 to 1.</param>
    public static TimeSpan Delay(TimeSpan unit, int failed, double random) => unit * Delays[Math.Min(failed, Delays.Length) - 1] * (1 + random / 4);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        TimeSpan interval = options.Value.RetryBase < PollInterval ? options.Value.RetryBase : PollInterval;
        var running = new Dictionary<string, Task>();

        // Messages of an earlier configuration wait until there is a secret again.
        while (options.Value.Secrets is not [] && !stoppingToken.IsCancellationRequested)
        {
            try
            {
                foreach (WebhookMessage message in store.Due(PerHost, Parallel).Where(message => !running.ContainsKey(message.Id)))
                {
                    if (running.Count < Parallel)
                    {
                        running[message.Id] = AttemptAsync(message, stoppingToken);
                    }
                }
            }
            catch (Exception error)
            {
                // The store failed, and the next round tries again.
                SenderFailed(error);
            }

            await Task.WhenAny([Task.Delay(interval, stoppingToken), .. running.Values]);
            foreach (string id in running.Where(attempt => attempt.Value.IsCompleted).Select(attempt => attempt.Key).ToArray())
            {
                running.Remove(id);
            }
        }

        await Task.WhenAll(running.Values);
    }

    private async Task AttemptAsync(WebhookMessage message, CancellationToken stopping)
    {
        try
        {
            // The rest does not run on the thread of the loop.
            await Task.Yield();
            WebhookOutcome outcome = await client.SendAsync(message, stopping);
            int attempts = (int)message.Attempts + 1;
            WebhookState state = outcome.Error is null ? WebhookState.Delivered
                : outcome.IsGone || attempts >= options.Value.Attempts ? WebhookState.Dead : WebhookState.Pending;
            store.Attempted(message.Id, state, outcome.Error, Delay(options.Value.RetryBase, attempts, Random.Shared.NextDouble()));
            if (state == WebhookState.Dead)
            {
                GivenUp(message.Id, message.JobId, message.Host, attempts, outcome.Error!);
            }
        }
        catch (OperationCanceledException)
        {
            // The service ends; the next start sends it.
        }
        catch (Exception error)
        {
            SenderFailed(error);
            await Task.Delay(PollInterval, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    [LoggerMessage(5001, LogLevel.Warning, "Webhook message {MessageId} of job {JobId} to {Host} is given up after {Attempts} attempts: {Reason}")]
    private partial void GivenUp(string messageId, string jobId, string host, int attempts, string reason);

    [LoggerMessage(5002, LogLevel.Error, "Webhooks could not be sent, and are tried again")]
    private partial void SenderFailed(Exception error);
}
