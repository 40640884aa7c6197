using InverseSolver.Imaging;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Service.Requests;

/// <summary>A request's files as arrays.</summary>
/// <param name="Files">By name, those that the measurement's file held included.</param>
/// <param name="Origin">What is known of the measurement besides. It may name a patient.</param>
/// <param name="Problem">The problem, completed by what the file says.</param>
internal sealed record DecodedFiles(IReadOnlyDictionary<string, ImportedFile> Files, MeasurementOrigin Origin, Problem Problem)
{
    /// <summary>The measurement, or the image to be measured.</summary>
    /// <param name="name">Its name.</param>
    public ImportedFile this[string name] => Files[name];

    /// <summary>The problem's files, without those of another use.</summary>
    public IReadOnlyDictionary<string, ArrayData> OfProblem =>
        Files.Where(file => file.Key is not ("measurement" or "image" or "truth")).ToDictionary(file => file.Key, file => file.Value.Array);

    /// <summary>The noise level that the measurement has, its own quantisation included.</summary>
    /// <param name="sigma">The noise that the caller knows of.</param>
    /// <param name="name">The measurement's name.</param>
    public double EffectiveSigma(double sigma, string name = "measurement") =>
        Files[name].Quantisation is var rounding and not 0 ? double.Hypot(sigma / Origin.NoiseScale, rounding) : sigma / Origin.NoiseScale;
}
