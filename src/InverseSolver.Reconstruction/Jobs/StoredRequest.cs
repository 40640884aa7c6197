using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Jobs;

/// <summary>A request as it was accepted: without files, with every solver parameter resolved.</summary>
public sealed record StoredRequest
{
    /// <summary>The model's id.</summary>
    public required string Model { get; init; }

    /// <summary>
    /// The version of the model that the job is solved with: the hash of its files when the job was taken in. If it is gone by then, the job fails with
    /// <c>modelChanged</c>.
    /// </summary>
    public string? ModelHash { get; init; }

    /// <summary>The forward model.</summary>
    public required Problem Problem { get; init; }

    /// <summary>The noise's standard deviation as given; null where it is estimated.</summary>
    public double? Sigma { get; init; }

    /// <summary>Photons per unit of the measurement, where it was counted.</summary>
    public double? Photons { get; init; }

    /// <summary>The solver with all its parameters.</summary>
    public required ResolvedSolver Solver { get; init; }

    /// <summary>The baselines with all their parameters, where some were asked for.</summary>
    public IReadOnlyList<ResolvedSolver>? Baselines { get; init; }

    /// <summary>The seed.</summary>
    public required long Seed { get; init; }

    /// <summary>True where the same request gives the same bits again; else its network calls may be shared with other jobs.</summary>
    public bool Reproducible { get; init; } = true;

    /// <summary>Takes the luminance of coloured files where the model is for grey images.</summary>
    public bool Luminance { get; init; }

    /// <summary>Previews in the event stream.</summary>
    public required bool Previews { get; init; }

    /// <summary>The caller's label.</summary>
    public string? Name { get; init; }

    /// <summary>The rule for the directions of an ISMRMRD measurement, where the caller said so.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public VendorConvention? VendorConvention { get; init; }

    /// <summary>The rule for a reference that does not belong to the measurement, where the caller said so.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ReferenceRule? Reference { get; init; }

    /// <summary>SHA-256 of each file that was sent, by name.</summary>
    public required IReadOnlyDictionary<string, string> Files { get; init; }

    /// <summary>SHA-256 of each file, in lower-case hexadecimals.</summary>
    /// <param name="files">The files by name.</param>
    public static Dictionary<string, string> HashesOf(IReadOnlyDictionary<string, byte[]> files) =>
        files.ToDictionary(file => file.Key, file => Convert.ToHexStringLower(SHA256.HashData(file.Value)));
}

/// <summary>A solver with all its parameters.</summary>
/// <param name="Type">The solver's name.</param>
/// <param name="Preset">The preset it started from.</param>
/// <param name="Parameters">All parameters.</param>
public sealed record ResolvedSolver(string Type, string Preset, JsonObject Parameters)
{
    private SolverParameters? _typed;

    /// <summary>Resolves a solver as a caller names it.</summary>
    /// <param name="problem">The problem to be solved.</param>
    /// <param name="type">The solver's name; null: the one that is recommended for the problem.</param>
    /// <param name="preset">The preset to start from, in any case.</param>
    /// <param name="overrides">Parameters that replace the preset's, by their JSON names.</param>
    /// <exception cref="InvalidInputException">Unknown solver, preset or parameter, or a value out of range; names the field under <c>solver</c>.</exception>
    public static ResolvedSolver Of(Problem problem, string? type, string preset, JsonObject? overrides)
    {
        type ??= problem.Recommendation.Best;
        SolverParameters parameters = SolverCatalog.Resolve(type, ref preset, overrides);
        return Of(type, preset, parameters);
    }

    /// <summary>Resolves the baselines that a caller names; null where there are none.</summary>
    /// <param name="names">Distinct names of solvers without a network.</param>
    /// <exception cref="InvalidInputException">Names the field, for example <c>baselines[1]</c>.</exception>
    public static IReadOnlyList<ResolvedSolver>? Baselines(IReadOnlyList<string?> names) =>
        names.Count == 0 ? null : [.. Baseline.Resolve(names).Select(one => Of(one.Solver, Baseline.Preset, one.Parameters))];

    private static ResolvedSolver Of(string type, string preset, SolverParameters parameters) =>
        new(type, preset, SolverCatalog.ToJson(parameters)) { _typed = parameters };

    /// <summary>The parameters as the solver takes them; read from <see cref="Parameters"/> where the request comes from a store.</summary>
    public SolverParameters ToParameters() => _typed ??= SolverCatalog.Resolve(Type, Preset, Parameters.DeepClone().AsObject());
}

/// <summary>
/// The rule for a reference that names another patient, study, frame of reference or place than the measurement: check (absent) refuses it, force takes it, and
/// report and DICOM files then say so.
/// </summary>
public enum ReferenceRule
{
    /// <summary>It is refused.</summary>
    Check,

    /// <summary>It is taken.</summary>
    Force,
}
