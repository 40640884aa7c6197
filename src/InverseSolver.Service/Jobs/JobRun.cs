using System.Diagnostics;
using System.Text.Json;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Batching;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.Service.Estimates;
using InverseSolver.Service.Problems;
using InverseSolver.Service.Requests;
using InverseSolver.Service.Storage;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>Runs one job: files to arrays, solve, arrays to artefacts.</summary>
internal sealed partial class JobRun(
    JobStore store, JobFolder folder, JobSignals signals, FormatReader reader, ModelCatalog models, JobCheckpoints checkpoints, JobEstimates estimates,
    IOptions<JobOptions> options, IOptions<LimitOptions> limits, IOptions<OperatorOptions> operators, ILogger<JobRun> log)
{
    // On a full disk, between two attempts to store a file.
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    /// <summary>Runs a job on the calling thread.</summary>
    /// <param name="job">The job, claimed.</param>
    /// <param name="device">The device to solve it on.</param>
    /// <param name="cancel">Stops the run; the run also cancels it once the job no longer belongs to it.</param>
    /// <param name="stopping">Once cancelled, the run is saved after its step and stopped.</param>
    /// <param name="shared">The job's model, where its network calls are shared; the caller owns it.</param>
    /// <returns>The result and the warnings of the report.</returns>
    public (JobResult Result, IReadOnlyList<string> Warnings) Execute(
        JobRow job, Device device, CancellationTokenSource cancel, CancellationToken stopping, SharedModel? shared = null)
    {
        StoredRequest stored = RequestOf(job);
        Dictionary<string, byte[]> inputs = stored.Files.Keys.ToDictionary(name => name, name => folder.ReadInput(job.Id, name));
        using ModelLease? lease = shared is null ? Acquire(stored, device, cancel.Token) : null;
        LatentModel model = shared ?? lease!.Model;
        JobPlan plan = JobPlan.Of(stored, inputs, reader, limits.Value.Pixels, model.Info, operators.Value.Folder);
        cancel.Token.ThrowIfCancellationRequested();
        Action<SolverProgress> reporter = Reporter(job, stored.Previews, cancel);
        using JobCheckpoint checkpoint = checkpoints.Open(job, device, cancel, stopping);
        SolvedJob solved;
        try
        {
            solved = WithRoom(device, () => SolvedJob.Run(plan, model, reporter, cancel.Token, checkpoint));
        }
        catch (Exception error) when (error.IsOutOfMemory && shared is not null)
        {
            // Other jobs may hold the memory that a single image needs.
            (model, shared) = (shared.Alone, null);
            solved = WithRoom(device, () => SolvedJob.Run(plan, model, reporter, cancel.Token, checkpoint));
        }

        cancel.Token.ThrowIfCancellationRequested();
        ReconstructionResult result = solved.Result;
        if (shared is null && stored.Reproducible) estimates.Learn(stored, device, result);
        var run = new JobCircumstances(
            "service", DateTimeOffset.FromUnixTimeMilliseconds(job.Created), DateTimeOffset.FromUnixTimeMilliseconds(job.Started ?? job.Created))
        {
            Job = job.Id,
            Attempts = (int)job.Attempts,
            Resumptions = checkpoint.Resumptions,
            Sharing = shared is { Calls: > 0 and var calls, Items: var items } ? new SharingReport((double)items / calls, shared.Largest, calls) : null,
        };
        (JobReport report, IReadOnlyList<Artefact> artefacts) = JobOutputs.Write(
            solved, run, reader, (name, bytes) => Write(job, name, bytes, cancel.Token));
        return (new JobResult(
            result.Noise.Sigma, result.Consistency, result.Quality, result.Frames, result.Cost, artefacts, report.Baselines,
            result.Noise.SigmaEstimated, result.Noise.SigmaMethod, result.Mri, device.ToString(), run.Sharing,
            result.Residuals), report.Warnings);
    }

    // A solved job waits for space with its result in memory: solving it again would need the same space.
    private void Write(JobRow job, string name, byte[] bytes, CancellationToken cancel)
    {
        for (bool told = false; ; told = true)
        {
            try
            {
                folder.WriteArtefact(job.Id, job.Epoch, name, bytes);
                return;
            }
            catch (IOException error) when (DiskSpace.IsFull(error))
            {
                if (!told) WaitsForSpace(job.Id);
                if (cancel.WaitHandle.WaitOne(RetryInterval)) cancel.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>True while a job waits for the memory of models in use.</summary>
    public bool ModelsWait => models.Waiting > 0;

    /// <summary>The model of a job whose network calls are to be shared.</summary>
    /// <exception cref="InvalidModelException">Its files cannot be used.</exception>
    /// <exception cref="ModelUnavailableException">It no longer exists in the job's version, or there is no memory for it.</exception>
    public ModelLease Acquire(JobRow job, Device device, CancellationToken cancellation) =>
        Acquire(RequestOf(job), device, cancellation);

    private static StoredRequest RequestOf(JobRow job)
    {
        try
        {
            if (JsonSerializer.Deserialize<StoredRequest>(job.Request, ApiJson.Options) is { } stored) return stored;
        }
        catch (JsonException)
        {
            // Said below.
        }

        throw new RequestException(
            StatusCodes.Status500InternalServerError, "damagedRecord", null,
            "The stored record of this job is damaged, so that it cannot be solved: send the job again.");
    }

    private ModelLease Acquire(StoredRequest stored, Device device, CancellationToken cancellation) =>
        WithRoom(device, () => models.Acquire(stored.Model, device, stored.ModelHash, cancellation: cancellation));

    // Where the device has no memory left, unused models are unloaded.
    private T WithRoom<T>(Device device, Func<T> act)
    {
        try
        {
            return act();
        }
        catch (Exception error) when (error.IsOutOfMemory && models.UnloadUnused(device) > 0)
        {
            return act();
        }
    }

    private Action<SolverProgress> Reporter(JobRow job, bool previews, CancellationTokenSource cancel)
    {
        long lastReport = 0, lastPreview = 0;
        return progress =>
        {
            if (Since(lastReport) < options.Value.ProgressInterval)
            {
                return;
            }

            lastReport = Stopwatch.GetTimestamp();
            bool show = previews && progress.Preview is not null && Since(lastPreview) >= options.Value.PreviewInterval;
            var report = new JobProgress(
                progress.Stage, progress.Step, progress.Of, progress.Residual is { } residual && double.IsFinite(residual) ? residual : null,
                progress.Elapsed.TotalSeconds, progress.Eta?.TotalSeconds, progress.Frames);
            if (store.Report(job.Id, job.Epoch, JsonSerializer.Serialize(report, ApiJson.Options)) is not { } version)
            {
                cancel.Cancel();
                return;
            }

            if (show && Pictures.ToPng(progress.Preview!, 8) is { } png)
            {
                lastPreview = Stopwatch.GetTimestamp();
                signals.Show(job.Id, new Preview(version, DataUri.Of("image/png", png)));
            }

            signals.Changed(job.Id);
        };
    }

    [LoggerMessage(1016, LogLevel.Error, "The disk is full: job {JobId} is solved, and waits for space for its result")]
    private partial void WaitsForSpace(string jobId);

    private static TimeSpan Since(long timestamp) => timestamp == 0 ? TimeSpan.MaxValue : Stopwatch.GetElapsedTime(timestamp);
}
