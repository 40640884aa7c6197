using InverseSolver.Diffusion;
using InverseSolver.Imaging;

namespace InverseSolver.Reconstruction.Jobs;

/// <summary>A job that can run: its request and files, read and checked once.</summary>
/// <param name="Request">The request, its problem completed by what the measurement's file says.</param>
/// <param name="Origin">What is known of the measurement besides its values. It may name a patient.</param>
/// <param name="Reference">The file that the result's DICOM series refers to, or whose place it has; null where none was sent.</param>
/// <param name="Checked">The problem to solve.</param>
/// <param name="Baselines">The solvers that solve it besides, for comparison.</param>
public sealed record JobPlan(
    StoredRequest Request, MeasurementOrigin Origin, byte[]? Reference, CheckedReconstruction Checked, IReadOnlyList<Baseline> Baselines)
{
    /// <summary>Sentences that are known before the job runs, for whoever looks at its result.</summary>
    public IReadOnlyList<string> Warnings => [.. Checked.Warnings, .. Origin.Remarks];

    /// <summary>Reads a job's files and checks everything that can be checked without a network.</summary>
    /// <param name="request">The request.</param>
    /// <param name="files">Its files by name.</param>
    /// <param name="reader">Parses HDF5 and DICOM.</param>
    /// <param name="maxPixels">Pixels of an image, or elements of an array's last two dimensions, at most.</param>
    /// <param name="model">The model that will solve it.</param>
    /// <param name="operatorFolder">Folder of TorchScript modules; null where there are none.</param>
    /// <param name="limits">The largest job that is taken; null: no limit.</param>
    /// <exception cref="InvalidInputException">Names the field that is wrong.</exception>
    public static JobPlan Of(
        StoredRequest request, IReadOnlyDictionary<string, byte[]> files, FormatReader reader, long maxPixels, ModelInfo model, string? operatorFolder,
        ReconstructionLimits? limits = null)
    {
        JobInputs inputs = JobInputs.Read(
            reader, maxPixels, request.Problem, files,
            convention: request.VendorConvention ?? VendorConvention.Auto, forceReference: request.Reference == ReferenceRule.Force);
        var reconstruction = new ReconstructionRequest
        {
            Problem = inputs.Problem,
            Measurement = inputs["measurement"].Array,
            Files = inputs.OfProblem,
            Sigma = request.Sigma is { } sigma ? inputs.EffectiveSigma(sigma) : null,
            LeastSigma = inputs["measurement"].Quantisation,
            Photons = request.Photons,
            Solver = request.Solver.ToParameters(),
            Seed = request.Seed,
            Truth = inputs.Files.GetValueOrDefault("truth")?.Array,
            OperatorFolder = operatorFolder,
            Luminance = request.Luminance,
            Crop = inputs.Origin.Crop,
        };
        CheckedReconstruction valid = Reconstructor.Check(model, reconstruction, limits);
        Baseline[] baselines = [.. (request.Baselines ?? []).Select(one => new Baseline(one.Type, one.ToParameters()))];
        Baseline.Check(model, valid, baselines);
        return new JobPlan(request with { Problem = inputs.Problem }, inputs.Origin, files.GetValueOrDefault("reference"), valid, baselines);
    }
}
