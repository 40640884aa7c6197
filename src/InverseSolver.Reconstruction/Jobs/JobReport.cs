using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using InverseSolver.Diffusion;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Jobs;

/// <summary>The circumstances of a job's run, which its request does not say.</summary>
/// <param name="Program">The program that ran it: <c>service</c> or <c>inverse</c>.</param>
/// <param name="Created">When it was accepted.</param>
/// <param name="Started">When it was first started.</param>
public sealed record JobCircumstances(string Program, DateTimeOffset Created, DateTimeOffset Started)
{
    /// <summary>The job's id; null on the command line.</summary>
    public string? Job { get; init; }

    /// <summary>Starts of the job.</summary>
    public int Attempts { get; init; } = 1;

    /// <summary>The network calls that it shared with other jobs; null where they were not.</summary>
    public SharingReport? Sharing { get; init; }

    /// <summary>The places where the run went on after an interruption.</summary>
    public IReadOnlyList<Resumption> Resumptions { get; init; } = [];
}

/// <summary>The artefact <c>report.json</c>: what was found, and all that is needed to find it again.</summary>
public sealed record JobReport
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true, // people read it
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { Problem.AddKinds } },
    };

    /// <summary>Version of this software.</summary>
    public static string Version { get; } = typeof(JobReport).Assembly.GetName().Version!.ToString(3);

    /// <summary>Not for diagnosis.</summary>
    public string Notice { get; } = "Not for diagnosis.";

    /// <summary>The job's id; null on the command line.</summary>
    public required string? Job { get; init; }

    /// <summary>The caller's label.</summary>
    public required string? Name { get; init; }

    /// <summary>The model that was used.</summary>
    public required ReportedModel Model { get; init; }

    /// <summary>The forward model.</summary>
    public required Problem Problem { get; init; }

    /// <summary>SHA-256 of a TorchScript operator's file.</summary>
    public required string? OperatorHash { get; init; }

    /// <summary>The solver with its data step and all its parameters.</summary>
    public required ReportedSolver Solver { get; init; }

    /// <summary>The seed.</summary>
    public required long Seed { get; init; }

    /// <summary>The noise level as given.</summary>
    public required double? Sigma { get; init; }

    /// <summary>The noise level that was solved for.</summary>
    public required double EffectiveSigma { get; init; }

    /// <summary>True where it was estimated.</summary>
    public required bool SigmaEstimated { get; init; }

    /// <summary>The method of the estimate.</summary>
    public required string? SigmaMethod { get; init; }

    /// <summary>Photons per unit of the measurement, where it was counted.</summary>
    public required double? Photons { get; init; }

    /// <summary>Agreement with the measurement.</summary>
    public required ConsistencyReport Consistency { get; init; }

    /// <summary>Agreement with the truth, where that was given.</summary>
    public required QualityReport? Quality { get; init; }

    /// <summary>The figures of each frame of a stack.</summary>
    public required IReadOnlyList<FrameReport>? Frames { get; init; }

    /// <summary>The choice between twins, of problems that have them.</summary>
    public required TwinReport? Twin { get; init; }

    /// <summary>The preparation of a multi-coil measurement.</summary>
    public required MriReport? Mri { get; init; }

    /// <summary>The measurement's origin, without anything that names a patient.</summary>
    public required OriginReport Origin { get; init; }

    /// <summary>The result as DICOM, where it was written.</summary>
    public required DerivedReport? Dicom { get; init; }

    /// <summary>The deviation that its picture shows as white.</summary>
    public required float? DeviationWhite { get; init; }

    /// <summary>The cost of the run.</summary>
    public required CostReport Cost { get; init; }

    /// <summary>The baselines' figures.</summary>
    public required IReadOnlyList<BaselineReport>? Baselines { get; init; }

    /// <summary>SHA-256 of each file that was sent, by name.</summary>
    public required IReadOnlyDictionary<string, string> Inputs { get; init; }

    /// <summary>The files beside this one.</summary>
    public required IReadOnlyList<Artefact> Artefacts { get; init; }

    /// <summary>The times of the job.</summary>
    public required ReportedTimes Times { get; init; }

    /// <summary>Starts of the job.</summary>
    public required int Attempts { get; init; }

    /// <summary>The device that it was solved on.</summary>
    public required string Device { get; init; }

    /// <summary>True where the same request gives the same bits again.</summary>
    public required bool Reproducible { get; init; }

    /// <summary>Network calls that were shared with other jobs.</summary>
    public required SharingReport? Sharing { get; init; }

    /// <summary>Properties of the machine that two runs must have in common to give the same bits.</summary>
    public required Fingerprint Fingerprint { get; init; }

    /// <summary>The places where the run went on after an interruption; empty for an unbroken run.</summary>
    public required IReadOnlyList<Resumption> Resumptions { get; init; }

    /// <summary>Residual over its expectation after each step, of the first item of its batch; null where a step has no estimate or sigma is 0.</summary>
    public required IReadOnlyList<double?> Residuals { get; init; }

    /// <summary>Sentences for whoever looks at the result.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>Versions of the program, .NET and the operating system.</summary>
    public required IReadOnlyDictionary<string, string> Versions { get; init; }

    /// <summary>Puts a report together.</summary>
    internal static JobReport Of(SolvedJob job, JobCircumstances run, DerivedReport? dicom, IReadOnlyList<Artefact> artefacts)
    {
        (JobPlan plan, StoredRequest request, ReconstructionResult result, ModelInfo model) = (job.Plan, job.Plan.Request, job.Result, job.Model.Info);
        return new JobReport
        {
            Job = run.Job,
            Name = request.Name,
            Model = new ReportedModel(model.Id, model.Version, model.Hash, model.Licence, model.Precision, model.Conditioning),
            Problem = request.Problem,
            OperatorHash = result.OperatorHash,
            Solver = ReportedSolver.Of(request),
            Seed = request.Seed,
            Sigma = request.Sigma,
            EffectiveSigma = result.Noise.Sigma,
            SigmaEstimated = result.Noise.SigmaEstimated,
            SigmaMethod = result.Noise.SigmaMethod,
            Photons = request.Photons,
            Consistency = result.Consistency,
            Quality = result.Quality,
            Frames = result.Frames,
            Twin = result.Twin,
            Mri = result.Mri,
            Origin = plan.Origin.Report(),
            Dicom = dicom,
            DeviationWhite = result.DeviationWhite,
            Cost = result.Cost,
            Baselines = BaselineReport.Of(job),
            Inputs = request.Files,
            Artefacts = artefacts,
            Times = new ReportedTimes(run.Created, run.Started, DateTimeOffset.UtcNow),
            Attempts = run.Attempts,
            Device = job.Model.Device.ToString(),
            Reproducible = request.Reproducible,
            Sharing = run.Sharing,
            Fingerprint = Fingerprint.Of(job.Model.Device, result.Batch),
            Resumptions = run.Resumptions,
            Residuals = result.Residuals,
            Warnings =
                [.. Fingerprint.Warnings, .. Resumption.Warnings(run.Resumptions), .. result.Warnings, .. plan.Origin.Remarks, .. dicom?.Remarks ?? []],
            Versions = new Dictionary<string, string>
            {
                [run.Program] = Version,
                ["dotnet"] = RuntimeInformation.FrameworkDescription,
                ["os"] = RuntimeInformation.OSDescription,
            },
        };
    }

    /// <summary>The file <c>report.json</c>.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, Json);
}

/// <summary>The model that was used.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Version">Its version.</param>
/// <param name="Hash">SHA-256 of its weights.</param>
/// <param name="Licence">Its terms.</param>
/// <param name="Precision">What the denoiser computed in.</param>
/// <param name="Conditioning">What the denoiser was told, and how strongly; null where it takes nothing.</param>
public sealed record ReportedModel(string Id, string? Version, string? Hash, string? Licence, string Precision, ConditioningInfo? Conditioning);

/// <summary>The solver of a job.</summary>
/// <param name="Type">Its name.</param>
/// <param name="Preset">The preset it started from.</param>
/// <param name="DataStep">
/// The step that took estimates towards the measurement: `paper`, the method's own, or `proximal`, ours in its place; null for solvers without a network.
/// The run's last step does not count: it is the parameter `finalProximalStep`.
/// </param>
/// <param name="Parameters">All its parameters.</param>
public sealed record ReportedSolver(string Type, string Preset, DataStep? DataStep, JsonObject Parameters)
{
    /// <summary>The solver of a request.</summary>
    public static ReportedSolver Of(StoredRequest request) => new(
        request.Solver.Type, request.Solver.Preset, request.Solver.ToParameters().DataStepOn(request.Problem), request.Solver.Parameters);

    /// <summary>The solver in a sentence.</summary>
    public override string ToString() => $"{Type}, preset {Preset}" + DataStep switch
    {
        Solvers.DataStep.Paper => "; data step: the paper's",
        Solvers.DataStep.Proximal => "; data step: proximal, in place of the paper's",
        _ => string.Empty,
    };
}

/// <summary>The times of a job.</summary>
/// <param name="Created">Accepted.</param>
/// <param name="Started">First started.</param>
/// <param name="Finished">Solved.</param>
public sealed record ReportedTimes(DateTimeOffset Created, DateTimeOffset Started, DateTimeOffset Finished);

/// <summary>Network calls that jobs shared.</summary>
/// <param name="MeanItems">Images that went through a network at once, on average over the group of jobs until this one ended.</param>
/// <param name="MostItems">Images in the largest batch.</param>
/// <param name="Calls">Batches that went through.</param>
public sealed record SharingReport(double MeanItems, long MostItems, long Calls);

/// <summary>The figures of a baseline; its image is the artefact <c>baseline-{solver}.npy</c>.</summary>
/// <param name="Solver">Its name.</param>
/// <param name="Parameters">All its parameters.</param>
/// <param name="Consistency">How well its image explains the measurement.</param>
/// <param name="Quality">Agreement with the truth, where that was given.</param>
/// <param name="Cost">What it cost.</param>
public sealed record BaselineReport(string Solver, JsonObject Parameters, ConsistencyReport Consistency, QualityReport? Quality, CostReport Cost)
{
    /// <summary>The reports of a job's baselines; null where it has none.</summary>
    internal static IReadOnlyList<BaselineReport>? Of(SolvedJob job) => job.Plan.Request.Baselines is not { } baselines ? null
        : [.. baselines.Zip(job.Baselines, (one, result) => new BaselineReport(one.Type, one.Parameters, result.Consistency, result.Quality, result.Cost))];
}
