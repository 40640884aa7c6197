using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Requests;

/// <summary>Bounds the memory of uploads by the number that are read and decoded at the same time.</summary>
internal sealed class UploadGate(IOptions<LimitOptions> options) : IDisposable
{
    private readonly ConcurrencyLimiter _limiter = new(new ConcurrencyLimiterOptions
    {
        PermitLimit = options.Value.Uploads,
        QueueLimit = options.Value.WaitingUploads,
    });

    /// <summary>Waits for a place, which is released by disposing the result.</summary>
    /// <param name="cancellation">Stops waiting.</param>
    public async Task<IDisposable> EnterAsync(CancellationToken cancellation)
    {
        RateLimitLease lease = await _limiter.AcquireAsync(1, cancellation);
        if (lease.IsAcquired)
        {
            return lease;
        }

        lease.Dispose();
        throw new RequestException(StatusCodes.Status429TooManyRequests, "busy", null, "Too many uploads at once.")
        {
            RetryAfter = TimeSpan.FromSeconds(2),
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _limiter.Dispose();
}
