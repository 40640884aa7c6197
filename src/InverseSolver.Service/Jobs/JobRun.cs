using System.Diagnostics;
using System.Text.Json;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Batching;
using InverseSolver.Imaging;
using InverseSolver.Service.Problems;
using InverseSolver.Service.Requests;
using InverseSolver.Solvers;
using InverseSolver.Solvers.Solvers;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>Runs one job: files to arrays, solve, arrays to artefacts.</summary>
internal sealed class JobRun(
    JobStore store, JobFolder folder, JobSignals signals, FileDecoder decoder, FormatReader reader, ModelCatalog models, IOptions<JobOptions> options, IOptions<OperatorOptions> operators)
{
    /// <summary>Runs a job on the calling thread.</summary>
    /// <param name="job">The job, claimed.</param>
    /// <param name="device">Where to solve it.</param>
    /// <param name="cancel">Stops the run; the run also cancels it itself once the job is no longer its own.</param>
    /// <param name="shared">The job's model, where its network calls are shared; the caller owns it.</param>
    /// <returns>What was found, and what its reader should know, as the report has it.</returns>
    public (JobResult Result, IReadOnlyList<string> Warnings) Execute(JobRow job, Device device, CancellationTokenSource cancel, SharedModel? shared = null)
    {
        StoredRequest stored = JsonSerializer.Deserialize<StoredRequest>(job.Request, ApiJson.Options)!;
        Dictionary<string, byte[]> inputs = stored.Files.Keys.ToDictionary(name => name, name => folder.ReadInput(job.Id, name));
        DecodedFiles files = stored.Decode(decoder, inputs);
        using ModelLease? lease = shared is null ? Acquire(stored, device, cancel.Token) : null;
        LatentModel model = shared ?? lease!.Model;
        CheckedReconstruction valid = Reconstruction.Check(model.Info, ToReconstruction(stored, files, operators.Value.Folder));
        Action<SolverProgress> reporter = Reporter(job, stored.Previews, cancel);
        ReconstructionResult result;
        try
        {
            result = WithRoom(device, () => Reconstruction.Run(model, valid, reporter, cancel.Token));
        }
        catch (Exception error) when (error.IsOutOfMemory && shared is not null)
        {
            // Others' work may have taken what one image alone needs.
            (model, shared) = (shared.Alone, null);
            result = WithRoom(device, () => Reconstruction.Run(model, valid, reporter, cancel.Token));
        }

        (ResolvedSolver Solver, ReconstructionResult Result)[] baselines = [.. (stored.Baselines ?? []).Select(one =>
            (one, new Baseline(one.Type, ToParameters(one)).Run(model, valid, reporter, cancel.Token)))];
        cancel.Token.ThrowIfCancellationRequested();
        SharingReport? sharing = shared is { Calls: > 0 and var calls, Items: var items } ? new SharingReport((double)items / calls, shared.Largest, calls) : null;
        BaselineReport[]? reports = stored.Baselines is null ? null
            : [.. baselines.Select(one => new BaselineReport(one.Solver.Type, one.Solver.Parameters, one.Result.Consistency, one.Result.Quality, one.Result.Cost))];
        List<Artefact> artefacts = WriteArtefacts(job, valid.Request, result, baselines);
        DerivedReport? dicom = WriteDerived(job, stored, result, files.Origin, inputs.GetValueOrDefault("reference"), model, artefacts);
        IReadOnlyList<string> warnings = [.. Fingerprint.Warnings, .. result.Warnings, .. files.Origin.Remarks, .. dicom?.Remarks ?? []];
        JobReport report = JobReport.Of(job, stored, valid.Request, result, reports, model, artefacts, files.Origin.Report(), dicom, sharing, warnings);
        artefacts.Add(folder.WriteArtefact(job.Id, job.Epoch, "report.json", "application/json", JsonSerializer.SerializeToUtf8Bytes(report, JobReport.Options)));
        return (new JobResult(
            result.Noise.Sigma, result.Consistency, result.Quality, result.Frames, result.Cost, artefacts, reports, result.Noise.SigmaEstimated, result.Noise.SigmaMethod, result.Mri,
            device.ToString(), sharing), warnings);
    }

    /// <summary>Whether a job waits until models in use give up their memory.</summary>
    public bool ModelsWait => models.Waiting > 0;

    /// <summary>The model of a job whose network calls are to be shared.</summary>
    /// <exception cref="InvalidModelException">Its files cannot be used.</exception>
    /// <exception cref="ModelUnavailableException">It is not there any more in the job's version, or there is no memory for it.</exception>
    public ModelLease Acquire(JobRow job, Device device, CancellationToken cancellation) =>
        Acquire(JsonSerializer.Deserialize<StoredRequest>(job.Request, ApiJson.Options)!, device, cancellation);

    private ModelLease Acquire(StoredRequest stored, Device device, CancellationToken cancellation) =>
        WithRoom(device, () => models.Acquire(stored.Model, device, stored.ModelHash, cancellation: cancellation));

    /// <summary>A stored request and its decoded files as the solver takes them.</summary>
    public static ReconstructionRequest ToReconstruction(StoredRequest stored, DecodedFiles files, string? operatorFolder) => new()
    {
        Problem = files.Problem,
        Measurement = files["measurement"].Array,
        Files = files.OfProblem,
        Sigma = stored.Sigma is { } sigma ? files.EffectiveSigma(sigma) : null,
        LeastSigma = files["measurement"].Quantisation,
        Photons = stored.Photons,
        Solver = ToParameters(stored.Solver),
        Seed = stored.Seed,
        Truth = files.Files.GetValueOrDefault("truth")?.Array,
        OperatorFolder = operatorFolder,
        Luminance = stored.Luminance,
        Crop = files.Origin.Crop,
    };

    // Where the device has no memory left, the models that nobody uses give theirs.
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

    private static SolverParameters ToParameters(ResolvedSolver solver) =>
        SolverCatalog.Resolve(solver.Type, solver.Preset, solver.Parameters.DeepClone().AsObject());

    private Action<SolverProgress> Reporter(JobRow job, bool previews, CancellationTokenSource cancel)
    {
        long lastReport = 0, lastPreview = 0;
        string? stage = null;
        return progress =>
        {
            bool show = previews && progress.Preview is not null && Since(lastPreview) >= options.Value.PreviewInterval;
            if (!show && progress.Stage == stage && Since(lastReport) < options.Value.ProgressInterval)
            {
                return;
            }

            (stage, lastReport) = (progress.Stage, Stopwatch.GetTimestamp());
            var report = new JobProgress(
                progress.Stage, progress.Step, progress.Of, progress.Residual is { } residual && double.IsFinite(residual) ? residual : null, progress.Elapsed.TotalSeconds, progress.Eta?.TotalSeconds, progress.Frames);
            if (store.Report(job.Id, job.Epoch, JsonSerializer.Serialize(report, ApiJson.Options)) is not { } version)
            {
                cancel.Cancel();
                return;
            }

            if (show && Pictures.ToPng(progress.Preview!, 8) is { } png)
            {
                lastPreview = Stopwatch.GetTimestamp();
                signals.Show(job.Id, new Preview(version, DataUri.Png(png)));
            }

            signals.Changed(job.Id);
        };
    }

    private List<Artefact> WriteArtefacts(
        JobRow job, ReconstructionRequest request, ReconstructionResult result,
        (ResolvedSolver Solver, ReconstructionResult Result)[] baselines)
    {
        var artefacts = new List<Artefact>();
        Add("result.npy", "application/octet-stream", Npy.Write(result.Image));
        Add("result.png", "image/png", Pictures.ToPng(result.Image, 8));
        Add("result16.png", "image/png", Pictures.ToPng(result.Image, 16));
        if (result.Frames is { Count: > 1 })
        {
            foreach ((int i, Image frame) in Pictures.Frames(result.Image).Index())
            {
                Add($"frame-{i:0000}.png", "image/png", ImageFile.WritePng(frame, 16));
            }
        }

        if (result.Deviation is { } deviation)
        {
            Add("deviation.npy", "application/octet-stream", Npy.Write(deviation));
            Add("deviation.png", "image/png", Pictures.ToPng(result.DeviationPicture!, 8));
        }

        if (result.MriArrays is { } mri)
        {
            Add("complex.npy", "application/octet-stream", Npy.Write(mri.Image));
            Add("maps.npy", "application/octet-stream", Npy.Write(mri.Maps));
            Add("kspace.npy", "application/octet-stream", Npy.Write(mri.KSpace));
            Add("mask.npy", "application/octet-stream", mri.Mask is { } used ? Npy.Write(used) : null);
        }

        Add("mask.png", "image/png", result.Mask is { } mask ? Pictures.ToPng(mask, 8) : null);

        foreach ((ResolvedSolver solver, ReconstructionResult baseline) in baselines)
        {
            Add($"baseline-{solver.Type}.npy", "application/octet-stream", Npy.Write(baseline.Image));
            Add($"baseline-{solver.Type}.png", "image/png", Pictures.ToPng(baseline.Image, 8));
        }

        Add("measurement.npy", "application/octet-stream", Npy.Write(request.Measurement));
        Add("measurement.png", "image/png", Pictures.ToPng(request.Measurement, 8));
        return artefacts;

        void Add(string name, string contentType, byte[]? bytes)
        {
            if (bytes is not null)
            {
                artefacts.Add(folder.WriteArtefact(job.Id, job.Epoch, name, contentType, bytes));
            }
        }
    }

    // The result as a scan: NIfTI, and DICOM in the study that it belongs to.
    private DerivedReport? WriteDerived(
        JobRow job, StoredRequest stored, ReconstructionResult result, MeasurementOrigin origin, byte[]? reference, LatentModel model, List<Artefact> artefacts)
    {
        if (!FormatReader.IsInstalled || (reference is null && !origin.IsScan && result.Mri is null))
        {
            return null;
        }

        ArrayData image = result.Image;
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = DerivedFiles.Write(reader, new DerivedImages
        {
            Values = image.Values,
            Slices = image.Shape.Length == 4 ? image.Shape[0] : 1,
            Channels = image.Shape[^3],
            Rows = image.Shape[^2],
            Columns = image.Shape[^1],
            Scale = result.Mri?.Scale ?? origin.Scale,
            Offset = origin.Offset,
            Origin = origin,
            Reference = reference,
            Solver = stored.Solver.Type,
            Model = model.Info.Id,
            ModelHash = model.Info.Hash,
            Ratio = result.Consistency.Ratio,
            Warnings = result.Warnings,
            SoftwareVersion = typeof(JobRun).Assembly.GetName().Version!.ToString(3),
        });
        artefacts.AddRange(files.Select(file => folder.WriteArtefact(job.Id, job.Epoch, file.Name, file.ContentType, file.Bytes)));
        return report;
    }

    private static TimeSpan Since(long timestamp) => timestamp == 0 ? TimeSpan.MaxValue : Stopwatch.GetElapsedTime(timestamp);
}
