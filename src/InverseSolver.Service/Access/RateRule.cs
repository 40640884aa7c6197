using System.Threading.RateLimiting;
using InverseSolver.Service.Requests;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Access;

/// <summary>Bounds the requests a second of each account, and of each address whose requests do not say who sends them.</summary>
internal static class RateRule
{
    // Ten seconds' worth may come at once.
    private const int Burst = 10;

    /// <summary>Adds the limiter.</summary>
    public static void AddRates(this IServiceCollection services)
    {
        services.AddRateLimiter(static _ => { });
        services.AddOptions<RateLimiterOptions>().Configure<IOptions<LimitOptions>>(static (rates, limits) =>
        {
            int perSecond = limits.Value.RequestsPerSecond;
            rates.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(http =>
                perSecond == 0 || http.Request.Path.StartsWithSegments("/health") ? RateLimitPartition.GetNoLimiter("")
                : RateLimitPartition.GetTokenBucketLimiter(SenderOf(http), _ => new TokenBucketRateLimiterOptions
                {
                    TokenLimit = perSecond * Burst,
                    TokensPerPeriod = perSecond,
                    ReplenishmentPeriod = TimeSpan.FromSeconds(1),
                }));
            rates.OnRejected = (_, _) => throw new RequestException(
                StatusCodes.Status429TooManyRequests, "tooManyRequests", null,
                $"You send more than {perSecond} requests a second: send fewer, and listen to a job's events in place of asking for it.")
            {
                RetryAfter = TimeSpan.FromSeconds(1),
            };
        });
    }

    // No account's name has a space.
    private static string SenderOf(HttpContext http) =>
        http.User.Identity?.IsAuthenticated == true && http.Account() is { IsAnonymous: false } account ? $"account {account.Caller}" : Account.AddressOf(http);
}
