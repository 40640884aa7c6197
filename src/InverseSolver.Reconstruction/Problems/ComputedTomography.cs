using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Reconstruction.Estimates;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// Parallel-beam computed tomography of a square image of one or three channels: y is the sinogram (channels, angles, width), the angles equally
/// spaced from <c>startDegrees</c> on, <c>endDegrees</c> excluded. Few angles over 180 degrees are sparse views, fewer degrees a limited angle.
/// </summary>
/// <param name="Angles">Number of projections, the sinogram's rows.</param>
/// <param name="StartDegrees">Angle of the first projection.</param>
/// <param name="EndDegrees">Where the angles end, above the start.</param>
/// <param name="Projector">The projection.</param>
/// <param name="Window">The Hounsfield units that images on [0,1] stand for; kept with the result, without an influence on it.</param>
/// <param name="Attenuation">
/// Line integral of the attenuation along the width of an image of ones; counts where the request has <c>photons</c>, of which N exp(-line integral) then
/// arrive.
/// 4 is that of 200 mm of water at 70 keV.
/// </param>
public sealed record ComputedTomography(
    [property: Range(1, 2048)] int Angles = 25,
    [property: Range(-360.0, 360.0)] double StartDegrees = 0,
    [property: Range(-360.0, 360.0)] double EndDegrees = 180,
    Projector Projector = Projector.Radon,
    HounsfieldWindow? Window = null,
    [property: Range(0.01, 100.0)] double Attenuation = 4) : Problem
{
    internal static ProblemDescription Description { get; } = new("ct", new("ddnm", "ddnm"), """{"angles":128}""")
    {
        Standard = new Dictionary<string, Func<long, Problem>>
        {
            ["ct25"] = _ => new ComputedTomography(25),
            ["ct25Means"] = _ => new ComputedTomography(25, Projector: Projector.Mean),
            ["ctLimited"] = _ => new ComputedTomography(60, 0, 120),
        },
    };

    internal override long[] MeasurementShape(long[] image) => [image[0], Angles, image[2]];

    internal override long[] ImageShape(long[] measurement) => [measurement[0], measurement[2], measurement[2]];

    internal override void CheckParameters(string field)
    {
        if (EndDegrees <= StartDegrees) throw new InvalidInputException($"{field}.endDegrees", "The angles end above their start.");
        if (Window is { } window && window.High <= window.Low)
        {
            throw new InvalidInputException($"{field}.window.high", "The window's upper end lies above its lower one.");
        }
    }

    internal override void CheckImage(long[] image, string field, string problemField)
    {
        (long rows, long columns) = (image[1], image[2]);
        const long Most = TomographyOperator.MaxSamples;
        if (rows != columns)
        {
            throw new InvalidInputException(field, $"Tomography is of square images; this one has {rows} rows and {columns} columns.");
        }

        if (rows * columns * Angles > Most)
        {
            throw new InvalidInputException(
                $"{problemField}.angles",
                $"Pixels times angles are at most {Most}; with {rows} x {columns} pixels that is {Most / (rows * columns)} angles.");
        }
    }

    // The lists of entries that the matrix is built from, and the matrix and its transpose.
    internal override OperatorBytes Bytes(long[] image, ArrayData y, int frames)
    {
        OperatorBytes images = base.Bytes(image, y, frames);
        return images with { Fixed = images.Fixed + 220.0 * image[1] * image[2] * Angles };
    }

    internal override NoiseLevel EstimateNoise(OperatorArrays arrays, ArrayData y) => NoiseEstimate.OfSinogram(y);

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        new TomographyOperator(image[0], (int)image[2], this, device);
}

/// <summary>A way to project an image along an angle.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Projector>))]
public enum Projector
{
    /// <summary>Line integrals (Joseph 1982), the whole operator scaled to norm 1. Rays leave the image at its border.</summary>
    [JsonStringEnumMemberName("radon")] Radon,

    /// <summary>
    /// The ReSample paper's: means over the rows of the turned image, which is continued periodically, so that sinograms have the image's range.
    /// </summary>
    [JsonStringEnumMemberName("mean")] Mean,
}

/// <summary>Hounsfield units: the image's 0 and 1 stand for <c>low</c> and <c>high</c>.</summary>
/// <param name="Low">At 0, for example -1000.</param>
/// <param name="High">At 1, above the low one.</param>
public sealed record HounsfieldWindow([property: Range(-32768.0, 65535.0)] double Low, [property: Range(-32768.0, 65535.0)] double High);

/// <summary>
/// Parallel-beam computed tomography of a square image: a sparse matrix, the same for all channels. Its proximal step is solved by conjugate gradients.
/// </summary>
public sealed class TomographyOperator : LinearOperator
{
    /// <summary>Pixels times angles at most: the matrix then takes about 2 GiB.</summary>
    internal const long MaxSamples = 1L << 25;

    private const int NormIterations = 20;

    private readonly SparseMatrix _matrix;
    private readonly Tensor _ramp;           // (width, width), symmetric
    private readonly double _scale;          // of the filtered back-projection
    private readonly int _size;
    private readonly double _attenuation;

    /// <summary>Describes a scan.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="size">Height and width of the image, and detectors.</param>
    /// <param name="problem">Angles and projector.</param>
    /// <param name="device">Where it computes.</param>
    public TomographyOperator(long channels, int size, ComputedTomography problem, Device device)
        : base("ct", [channels, size, size], [channels, problem.Angles, size], channels * problem.Angles * size)
    {
        _size = size;
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        Func<double, int, (int[], float[])[]> project = problem.Projector == Projector.Mean ? ProjectionGeometry.Means : ProjectionGeometry.LineIntegrals;
        _matrix = new SparseMatrix(
            [.. ProjectionGeometry.Angles(problem).AsParallel().AsOrdered().SelectMany(angle => project(angle, size))], (long)size * size, device, Own);
        _ramp = Own(torch.copy_of(Ramp(size), size, size).to(device));
        double unit = 1.0 / size;
        if (problem.Projector == Projector.Radon)
        {
            unit = 1 / Norm(device);
            _matrix.Scale(unit);
        }

        // The inversion formula is an integral over half a turn; more angles than that see everything twice.
        double span = problem.EndDegrees - problem.StartDegrees;
        // Of y as of a mean over the image's width, whatever the projector's unit is.
        _attenuation = problem.Attenuation / (size * unit);
        _scale = span * Math.PI / 180 / problem.Angles * Math.Min(1, 180 / span) / (unit * unit);
    }

    internal override double? Attenuation => _attenuation;

    /// <summary>Filtered back-projection with the ramp filter (Ram and Lak 1971; Kak and Slaney 1988, eq. 3.61).</summary>
    private protected override Tensor DirectCore(Tensor y) => AdjointCore(y.Matmul(_ramp)) * _scale;

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) =>
        _matrix.Apply(x.reshape(-1, (long)_size * _size)).reshape(x.size(0), x.size(1), -1, _size);

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) =>
        _matrix.Transposed(y.reshape(y.size(0) * y.size(1), -1)).reshape(y.size(0), y.size(1), _size, _size);

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) => ProxByConjugateGradients(x0, y, rho);

    // The band-limited ramp as a convolution of a line with itself zero outside.
    private static float[] Ramp(int size)
    {
        var filter = new float[size * size];
        for (int i = 0; i < filter.Length; i++)
        {
            int distance = Math.Abs((i / size) - (i % size));
            filter[i] = distance == 0 ? 0.25f : distance % 2 == 0 ? 0 : (float)(-1 / (Math.PI * Math.PI * distance * distance));
        }

        return filter;
    }

    // By power iteration from a constant image; the leading singular vector is smooth and nowhere negative.
    private double Norm(Device device)
    {
        Tensor x = torch.full([1, (long)_size * _size], 1.0 / _size).to(device);
        double norm = 0;
        for (int i = 0; i < NormIterations; i++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            Tensor next = _matrix.Transposed(_matrix.Apply(x));
            double squared = next.norm().ToDouble();
            x.copy_(next / squared);
            norm = Math.Sqrt(squared);
        }

        return norm;
    }
}
