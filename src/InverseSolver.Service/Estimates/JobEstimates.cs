using System.Threading.RateLimiting;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Estimates;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Models;
using InverseSolver.Service.Requests;
using InverseSolver.Service.Storage;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Estimates;

/// <summary>
/// Estimates jobs: the calls of their model times the times of calls that were measured, and a dry run of the rest. Calls that were never timed are timed
/// once, on a thread of low priority beside the workers.
/// </summary>
internal sealed class JobEstimates(
    CallTimeStore times, ModelCatalog models, DeviceSlots slots, JobStore store, IOptions<JobOptions> options, IOptions<ModelFolderOptions> folders)
    : IDisposable
{
    // Runs lie nearer to an estimate than by this factor: docs/performance.md.
    private const double Spread = 1.6;

    // Reading, checking and writing, beside the run.
    private const double Rest = 0.04;

    // One after the other, because each takes a core; of one caller one waits for it at a time, and a few behind that one.
    private const int WaitingOfCaller = 4;
    private readonly SemaphoreSlim _place = new(1);
    private readonly PartitionedRateLimiter<string> _ofCaller = PartitionedRateLimiter.Create<string, string>(
        static caller => RateLimitPartition.GetConcurrencyLimiter(caller, static _ => new ConcurrencyLimiterOptions
        {
            PermitLimit = 1,
            QueueLimit = WaitingOfCaller,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        }));

    /// <summary>The most memory of a job.</summary>
    public long MemoryLimit => options.Value.MemoryBytes > 0 ? options.Value.MemoryBytes : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2;

    /// <summary>Refuses a job that cannot fit into the memory of one.</summary>
    /// <param name="plan">The job.</param>
    /// <param name="model">Its model.</param>
    /// <returns>Its memory.</returns>
    public MemoryEstimate CheckMemory(JobPlan plan, ModelInfo model)
    {
        MemoryEstimate memory = MemoryEstimate.Of(plan.Checked, model);
        return memory.LeastBytes <= MemoryLimit
            ? memory
            : throw RequestChecks.Unprocessable(
                "memoryExceeded", "files.measurement",
                $"The job would take up to {Mebibytes(memory.LeastBytes)} MiB; a job may take {Mebibytes(MemoryLimit)} MiB here (Jobs:MemoryBytes). "
                    + "Send fewer frames, coils, samples or pixels, or a solver without gradients; or have the limit raised.");
    }

    /// <summary>Keeps the times of a finished job's calls. Those of a GPU say when a call was queued, not when it was done, and are not kept.</summary>
    /// <param name="request">The job.</param>
    /// <param name="device">The device that it ran on.</param>
    /// <param name="result">Its result.</param>
    public void Learn(StoredRequest request, Device device, ReconstructionResult result)
    {
        if (device.type == DeviceType.CPU) times.Add(KeyOf(request), NameOf(device), result.CallTimes);
    }

    /// <summary>Estimates a checked job.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="plan">The job.</param>
    /// <param name="model">Its model.</param>
    /// <param name="cancellation">The caller has gone.</param>
    /// <exception cref="RequestException">Too many estimates of this caller wait.</exception>
    public async Task<JobEstimate> OfAsync(string caller, JobPlan plan, ModelInfo model, CancellationToken cancellation)
    {
        MemoryEstimate memory = CheckMemory(plan, model);
        using RateLimitLease turn = await _ofCaller.AcquireAsync(caller, 1, cancellation);
        if (!turn.IsAcquired)
        {
            throw new RequestException(
                StatusCodes.Status429TooManyRequests, "busy", null,
                $"You have {WaitingOfCaller + 1} estimates that are not done: ask again once one of them is.")
            {
                RetryAfter = TimeSpan.FromSeconds(5),
            };
        }

        await _place.WaitAsync(cancellation);
        try
        {
            (RunEstimate run, double? seconds, string basis) = await OnThreadAsync(() => Estimate(plan, model, cancellation));
            return new JobEstimate(
                seconds, seconds / Spread, run.IsComplete ? seconds * Spread : null, basis, memory.Bytes, memory.LeastBytes, MemoryLimit,
                new EstimatedCalls(
                    run.Cost.NetworkCalls, run.Cost.NetworkGradients, run.Cost.DecoderCalls, run.Cost.DecoderGradients, run.Cost.EncoderCalls),
                Wait());
        }
        finally
        {
            _place.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ofCaller.Dispose();
        _place.Dispose();
    }

    private (RunEstimate Run, double? Seconds, string Basis) Estimate(JobPlan plan, ModelInfo model, CancellationToken cancellation)
    {
        Device device = slots.Devices[0];
        RunEstimate run = RunEstimate.Of(plan.Checked, plan.Baselines, model, device, cancellation);
        CallTimes known = times.Find(KeyOf(plan.Request), NameOf(device));
        PlannedCalls[] unknown = [.. run.Calls.Where(calls => !known.Knows(calls.Kind, calls.Items, run.Height, run.Width))];
        bool timed = true;
        if (unknown is not [])
        {
            try
            {
                // Not waited for: the estimate of a model whose memory others use is not worth their time.
                using ModelLease lease = models.Acquire(plan.Request.Model, device, plan.Request.ModelHash, wait: false, cancellation);
                var measured = new List<CallTime>();
                foreach (PlannedCalls calls in unknown)
                {
                    cancellation.ThrowIfCancellationRequested();
                    measured.Add(CallTimes.Measure(lease.Model, calls.Kind, calls.Items, run.Height, run.Width));
                }

                CallTime[] distinct = [.. measured.DistinctBy(time => (time.Kind, time.Items))];
                times.Add(KeyOf(plan.Request), NameOf(device), distinct);
                known = known.With(distinct);
            }
            catch (ModelUnavailableException)
            {
                timed = false;
            }
        }

        double? seconds = run.Seconds(known) + Rest;
        string source = run.Calls is [] ? "The solver calls no network"
            : !timed ? "The model's calls of this size were never timed, and it could not be loaded for it, because other models use the memory"
            : unknown is [] ? "The model's calls have the times of earlier jobs and calibrations on this device"
            : "The model's calls were timed just now";
        string rest = run.IsComplete
            ? "all else was timed on a few steps of the job itself, on a model that costs nothing."
            : "of all else a step took too long to be tried: it takes longer than this.";
        return (run, seconds, $"{source}; {rest}");
    }

    private QueueWait Wait()
    {
        int queued = store.Count("queued");
        IReadOnlyList<JobRow> running = store.List(account: null, "running", null, slots.Devices.Count + 1);
        double?[] left = [.. running.Select(job => job.ToJob().Progress?.EtaSeconds)];
        return new QueueWait(queued, queued > 0 ? null : running.Count < slots.Devices.Count ? 0 : left.Contains(null) ? null : left.Min());
    }

    private string NameOf(Device device) => device.type == DeviceType.CPU ? $"cpu, {slots.Threads(folders.Value.Threads)} threads" : $"{device}";

    private static string KeyOf(StoredRequest request) => $"{request.Model}@{request.ModelHash}";

    private static long Mebibytes(long bytes) => (bytes + (1 << 20) - 1) >> 20;

    private Task<T> OnThreadAsync<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            SolverThread.LowerPriority(options.Value.Nice);
            try
            {
                done.SetResult(work());
            }
            catch (OperationCanceledException stopped)
            {
                done.SetCanceled(stopped.CancellationToken);
            }
            catch (Exception error)
            {
                done.SetException(error);
            }
        })
        {
            Name = "estimate",
            IsBackground = true,
        }.Start();
        return done.Task;
    }
}
