using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>Convolution with a Gaussian.</summary>
/// <param name="Sigma">Standard deviation in pixels; the kernel is cut at 4 sigma.</param>
/// <param name="Boundary">The image beyond its border.</param>
public sealed record GaussianBlur(
    [property: Range(0.1, 32.0)] double Sigma = 3.0,
    Boundary Boundary = Boundary.Reflect) : Problem
{
    internal static ProblemDescription Description { get; } = new("gaussianBlur", new("dcdp", "dcdp"))
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["gaussianDeblurring"] = _ => new GaussianBlur(2) },
    };

    internal override bool IsImage => true;

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        SeparableOperator.GaussianBlur(image[0], image[1], image[2], Sigma, Boundary, device);
}

/// <summary>Convolution with a random motion kernel.</summary>
/// <param name="Size">Height and width of the kernel in pixels, odd.</param>
/// <param name="Intensity">0 = nearly straight motion, 1 = very shaky.</param>
/// <param name="Seed">Seed of the kernel.</param>
/// <param name="Boundary">The image beyond its border.</param>
public sealed record MotionBlur(
    [property: Range(3, 255)] int Size = 61,
    [property: Range(0.0, 1.0)] double Intensity = 0.5,
    [property: Range(0, long.MaxValue, ErrorMessage = "It is a whole number from 0 to 9223372036854775807.")] long Seed = 0,
    Boundary Boundary = Boundary.Reflect) : Problem
{
    internal static ProblemDescription Description { get; } = new("motionBlur", new("dcdp", "dcdp"))
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["motionDeblurring"] = seed => new MotionBlur(31, 0.5, seed) },
    };

    internal override bool IsImage => true;

    internal override void CheckParameters(string field)
    {
        if (Size % 2 == 0) throw new InvalidInputException($"{field}.size", "The kernel's size must be odd.");
    }

    internal override OperatorArrays Arrays(ProblemInputs inputs) => new(Kernel: ProblemChecks.Grid(MotionKernel.Draw(Size, Intensity, Seed), Size, Size));

    internal override IEnumerable<(string Name, ArrayData Array)> Drawn(long[] image, OperatorArrays arrays) =>
        [("psf", new ArrayData([Size, Size], [.. arrays.Kernel!.Cast<double>().Select(value => (float)value)]))];

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        Convolution.Operator("motionBlur", image, arrays.Kernel!, Boundary, device);
}

/// <summary>Convolution with the uploaded file <c>psf</c> (image or .npy), scaled to sum 1.</summary>
/// <param name="Boundary">The image beyond its border.</param>
public sealed record PointSpread(Boundary Boundary = Boundary.Reflect) : Problem
{
    /// <summary>Largest height or width of the file.</summary>
    internal const int MaxSide = 511;

    internal static ProblemDescription Description { get; } = new("pointSpread", new("dcdp", "dcdp", Recommendation.Unmeasured));

    internal override bool IsImage => true;

    internal override IReadOnlyList<string> Files => ["psf"];

    internal override OperatorArrays Arrays(ProblemInputs inputs)
    {
        ArrayData psf = inputs.Files["psf"];
        float[] plane = ProblemChecks.Plane(psf, "files.psf", psf.Shape[^Math.Min(2, psf.Shape.Length)], psf.Shape[^1]);
        (int rows, int columns) = (psf.Shape[^2], psf.Shape[^1]);
        if (rows > MaxSide || columns > MaxSide) throw new InvalidInputException("files.psf", $"It has at most {MaxSide} rows and columns.");
        double[] values = Array.ConvertAll(plane, value => (double)value);
        double sum = values.Sum();
        // A kernel that nearly cancels would be blown up by the scaling.
        if (sum <= 1e-3 * values.Sum(Math.Abs)) throw new InvalidInputException("files.psf", "The sum of its values must be above 0.");
        return new(Kernel: ProblemChecks.Grid(Array.ConvertAll(values, value => value / sum), rows, columns));
    }

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        Convolution.Operator("pointSpread", image, arrays.Kernel!, Boundary, device);
}

/// <summary>The image beyond its border.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Boundary>))]
public enum Boundary
{
    /// <summary>The image mirrored without repeating its edge pixel (PyTorch's "reflect").</summary>
    [JsonStringEnumMemberName("reflect")] Reflect,

    /// <summary>The image repeated.</summary>
    [JsonStringEnumMemberName("circular")] Circular,
}

internal static class Convolution
{
    /// <summary>The convolution with any kernel.</summary>
    internal static LinearOperator Operator(string name, long[] image, double[,] kernel, Boundary boundary, Device device) => boundary == Boundary.Circular
        ? new CircularBlur(name, image[0], image[1], image[2], kernel, device)
        : new ReflectBlur(name, image[0], image[1], image[2], kernel, device);
}
