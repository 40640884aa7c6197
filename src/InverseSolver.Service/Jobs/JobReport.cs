using System.Runtime.InteropServices;
using System.Text.Json;
using InverseSolver.Diffusion;
using InverseSolver.Imaging;
using InverseSolver.Solvers;
using InverseSolver.Solvers.Mri;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Service.Jobs;

/// <summary>The artefact <c>report.json</c>: what was found, and all that is needed to find it again.</summary>
internal sealed record JobReport(
    string Notice,
    string Job,
    string? Name,
    ReportedModel Model,
    Problem Problem,
    string? OperatorHash,
    ResolvedSolver Solver,
    long Seed,
    double? Sigma,
    double EffectiveSigma,
    bool SigmaEstimated,
    string? SigmaMethod,
    double? Photons,
    ConsistencyReport Consistency,
    QualityReport? Quality,
    IReadOnlyList<FrameReport>? Frames,
    TwinReport? Twin,
    MriReport? Mri,
    OriginReport Origin,
    DerivedReport? Dicom,
    float? DeviationWhite,
    CostReport Cost,
    IReadOnlyList<BaselineReport>? Baselines,
    IReadOnlyDictionary<string, string> Inputs,
    IReadOnlyList<Artefact> Artefacts,
    ReportedTimes Times,
    int Attempts,
    string Device,
    bool Reproducible,
    SharingReport? Sharing,
    Fingerprint Fingerprint,
    IReadOnlyList<string> Warnings,
    IReadOnlyDictionary<string, string> Versions)
{
    /// <summary>Indented: people read it.</summary>
    public static JsonSerializerOptions Options { get; } = new(ApiJson.Options) { WriteIndented = true };

    /// <summary>Puts a report together.</summary>
    public static JobReport Of(
        JobRow job, StoredRequest stored, ReconstructionRequest request, ReconstructionResult result, IReadOnlyList<BaselineReport>? baselines, LatentModel model,
        IReadOnlyList<Artefact> artefacts, OriginReport origin, DerivedReport? dicom, SharingReport? sharing, IReadOnlyList<string> warnings) => new(
        "Not for diagnosis.",
        job.Id,
        stored.Name,
        new ReportedModel(model.Info.Id, model.Info.Version, model.Info.Hash, model.Info.Licence, model.Info.Precision, model.Info.Conditioning),
        request.Problem,
        result.OperatorHash,
        stored.Solver,
        stored.Seed,
        stored.Sigma,
        result.Noise.Sigma,
        result.Noise.SigmaEstimated,
        result.Noise.SigmaMethod,
        stored.Photons,
        result.Consistency,
        result.Quality,
        result.Frames,
        result.Twin,
        result.Mri,
        origin,
        dicom,
        result.DeviationWhite,
        result.Cost,
        baselines,
        stored.Files,
        [.. artefacts],
        new ReportedTimes(
            DateTimeOffset.FromUnixTimeMilliseconds(job.Created),
            DateTimeOffset.FromUnixTimeMilliseconds(job.Started ?? job.Created),
            DateTimeOffset.UtcNow),
        (int)job.Attempts,
        model.Device.ToString(),
        stored.Reproducible,
        sharing,
        Fingerprint.Of(model.Device, result.Batch),
        warnings,
        new Dictionary<string, string>
        {
            ["service"] = typeof(JobReport).Assembly.GetName().Version!.ToString(3),
            ["dotnet"] = RuntimeInformation.FrameworkDescription,
            ["os"] = RuntimeInformation.OSDescription,
        });
}

/// <summary>The model that was used.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Version">Its version.</param>
/// <param name="Hash">SHA-256 of its weights.</param>
/// <param name="Licence">Its terms.</param>
/// <param name="Precision">What the denoiser computed in.</param>
/// <param name="Conditioning">What the denoiser was told, and how strongly; null where it takes nothing.</param>
internal sealed record ReportedModel(string Id, string? Version, string? Hash, string? Licence, string Precision, ConditioningInfo? Conditioning);

/// <summary>When it happened.</summary>
/// <param name="Created">Accepted.</param>
/// <param name="Started">First started.</param>
/// <param name="Finished">Solved.</param>
internal sealed record ReportedTimes(DateTimeOffset Created, DateTimeOffset Started, DateTimeOffset Finished);
