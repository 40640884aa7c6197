using System.Runtime.InteropServices;
using System.Threading.RateLimiting;
using InverseSolver.Imaging;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Requests;

/// <summary>
/// Bounds the decoding of uploads by their number and by the memory that their files state to need. Uploads with files for the processes of
/// <see cref="FormatReader"/> have places of their own, so that nobody else waits for those, and one whose file is slow steps aside for the others. One
/// caller has all places but one at most, and waits in a queue of its own.
/// </summary>
internal sealed partial class UploadGate : IDisposable
{
    // Memory is counted in MiB.
    private const int Unit = 20;

    // Freed memory is given back to the system once this much was decoded, and nothing for a while.
    private const long WorthGivingBack = 64 << 20;
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(3);

    private readonly FormatReader _formats;
    private readonly Kind _parsed, _others;
    private readonly ConcurrencyLimiter _aside;
    private readonly long _most, _pixels;
    private readonly Timer _giveBack;
    private long _decoded;

    /// <summary>Makes the gate.</summary>
    /// <param name="options">The limits.</param>
    /// <param name="formats">The reader that decoders get.</param>
    public UploadGate(IOptions<LimitOptions> options, FormatReader formats)
    {
        LimitOptions limits = options.Value;
        _formats = formats;
        _most = limits.DecodeBytes / 2;
        _pixels = limits.Pixels;
        _parsed = new Kind(limits);
        _others = new Kind(limits);
        _aside = Limiter((int)(_most >> Unit));
        _giveBack = new Timer(_ => GiveBack());
    }

    /// <summary>Decodes and checks an upload on a thread of its own, once there is a place and memory for it.</summary>
    /// <param name="caller">Who sent it.</param>
    /// <param name="files">The files by name.</param>
    /// <param name="decode">Does it.</param>
    /// <param name="cancellation">Stops waiting.</param>
    /// <exception cref="RequestException">The files are too large together once they are decoded, or too many uploads wait.</exception>
    public async Task<T> RunAsync<T>(
        string caller, IReadOnlyDictionary<string, byte[]> files, Func<FormatReader, T> decode, CancellationToken cancellation)
    {
        (long stated, long possible) = Claim(files);
        var place = new Place(this, possible > 0 ? _parsed : _others, stated, Math.Min(_most, stated + possible));
        await place.EnterAsync(caller, cancellation);
        try
        {
            // The pool's threads are for those who only wait.
            return await Task.Factory.StartNew(
                () => decode(_formats.SteppingAside(place.StepAside)), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        finally
        {
            place.Dispose();
            if (Interlocked.Add(ref _decoded, place.Bytes) >= WorthGivingBack) _giveBack.Change(Calm, Timeout.InfiniteTimeSpan);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _giveBack.Dispose();
        _aside.Dispose();
        _parsed.Dispose();
        _others.Dispose();
    }

    private static ConcurrencyLimiter Limiter(int permits) =>
        new(new ConcurrencyLimiterOptions { PermitLimit = permits, QueueLimit = int.MaxValue, QueueProcessingOrder = QueueProcessingOrder.OldestFirst });

    private static int Units(long bytes) => (int)Math.Max(1, (bytes + (1 << Unit) - 1) >> Unit);

    /// <summary>The memory that the files state to need; formats that do not state it are taken to need what may be left.</summary>
    private (long Stated, long Possible) Claim(IReadOnlyDictionary<string, byte[]> files)
    {
        long stated = 0, possible = 0;
        foreach ((string name, byte[] file) in files)
        {
            DecodedSize size;
            try
            {
                size = DecodedSize.Of(file, _formats.Limits, _pixels);
            }
            catch (InvalidMeasurementException error)
            {
                throw RequestChecks.Unprocessable("invalidFile", $"files.{name}", error.Message);
            }

            if (size.Stated > _most - stated)
            {
                throw new RequestException(
                    StatusCodes.Status413PayloadTooLarge, "tooLarge", $"files.{name}",
                    $"The files take at least {stated + size.Stated} bytes of memory once they are decoded; at most {_most} are allowed for one request "
                        + "(half of the option Limits:DecodeBytes): send smaller or fewer arrays.");
            }

            stated += size.Stated;
            possible += size.Possible;
        }

        return (stated, possible);
    }

    private static RequestException Busy() => new(
        StatusCodes.Status429TooManyRequests, "busy", null, "Too many uploads wait to be decoded: send the request again.")
    {
        RetryAfter = TimeSpan.FromSeconds(2),
    };

    // .NET keeps what it freed until its next collection, which an idle service does not need, and so does glibc what libtorch freed.
    private void GiveBack()
    {
        Interlocked.Exchange(ref _decoded, 0);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        try
        {
            _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Another libc.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MallocTrim(nuint pad);

    /// <summary>The places and the memory of one kind of uploads.</summary>
    private sealed class Kind(LimitOptions limits) : IDisposable
    {
        private readonly ConcurrencyLimiter _number = Limiter(limits.Uploads), _memory = Limiter((int)(limits.DecodeBytes / 2 >> Unit));

        private readonly PartitionedRateLimiter<string> _ofCaller = PartitionedRateLimiter.Create<string, string>(
            caller => RateLimitPartition.GetConcurrencyLimiter(caller, _ => new ConcurrencyLimiterOptions
            {
                PermitLimit = Math.Max(1, limits.Uploads - 1),
                QueueLimit = limits.WaitingUploads,
                QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
            }));

        internal async Task<RateLimitLease> EnterAsync(string caller, CancellationToken cancellation) =>
            await _ofCaller.AcquireAsync(caller, 1, cancellation) is { IsAcquired: true } turn ? turn : throw Busy();

        internal RateLimitLease TryEnter()
        {
            RateLimitLease place = _number.AttemptAcquire();
            return place.IsAcquired || _number.GetStatistics()!.CurrentQueuedCount < limits.WaitingUploads ? place : throw Busy();
        }

        internal ValueTask<RateLimitLease> EnterAsync(CancellationToken cancellation) => _number.AcquireAsync(1, cancellation);

        internal ValueTask<RateLimitLease> TakeAsync(long bytes, CancellationToken cancellation) => _memory.AcquireAsync(Units(bytes), cancellation);

        public void Dispose()
        {
            _ofCaller.Dispose();
            _number.Dispose();
            _memory.Dispose();
        }
    }

    /// <summary>The place and the memory of one upload.</summary>
    private sealed class Place(UploadGate gate, Kind kind, long stated, long bytes) : IDisposable
    {
        // Each that steps aside holds a thread.
        private const int MostAside = 32;

        private RateLimitLease? _turn, _place, _memory;

        internal long Bytes => bytes;

        internal async Task EnterAsync(string caller, CancellationToken cancellation)
        {
            _turn = await kind.EnterAsync(caller, cancellation);
            try
            {
                RateLimitLease place = kind.TryEnter();
                _place = place.IsAcquired ? place : await kind.EnterAsync(cancellation);
                _memory = await kind.TakeAsync(bytes, cancellation);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        /// <summary>Leaves the place until the result is disposed. What is decoded already counts among those that stepped aside.</summary>
        internal IDisposable StepAside()
        {
            RateLimitLease aside = gate._aside.AttemptAcquire(Math.Max(Units(stated), Units(gate._most / MostAside)));
            if (!aside.IsAcquired)
            {
                aside.Dispose();
                throw Busy();
            }

            Dispose();
            return new Aside(this, aside);
        }

        private async Task ReturnAsync()
        {
            _place = await kind.EnterAsync(CancellationToken.None);
            _memory = await kind.TakeAsync(bytes, CancellationToken.None);
        }

        public void Dispose()
        {
            _memory?.Dispose();
            _place?.Dispose();
            _turn?.Dispose();
            (_memory, _place, _turn) = (null, null, null);
        }

        private sealed class Aside(Place place, RateLimitLease aside) : IDisposable
        {
            public void Dispose()
            {
                // On the upload's own thread. It was let in once, so it is not refused now.
                place.ReturnAsync().GetAwaiter().GetResult();
                aside.Dispose();
            }
        }
    }
}
