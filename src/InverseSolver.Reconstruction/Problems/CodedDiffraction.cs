using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Reconstruction.Estimates;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// Magnitudes of the centred orthonormal Fourier transforms of the image behind random phase masks: y_l = |F (m_l x)| + n, |m_l| = 1 in every pixel, as
/// (masks times channels, height, width), mask by mask (Candes, Li, Soltanolkotabi: Phase Retrieval from Coded Diffraction Patterns, 2015). Unlike phase
/// retrieval it has no twin and no shift.
/// </summary>
/// <param name="Masks">Number of masks, each with a measurement of the image's size.</param>
/// <param name="Seed">Seed of the masks' phases, which are uniform over the circle.</param>
public sealed record CodedDiffraction([property: Range(2, 16)] int Masks = 4, long Seed = 0) : Problem
{
    internal static ProblemDescription Description { get; } = new(
        "codedDiffraction",
        new("dcdp", "dcdp", "All solvers with a network find the same image; for long sequences of low rank there is 'tspr'."))
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["codedDiffraction"] = seed => new CodedDiffraction(Seed: seed) },
    };

    internal override bool IsLinear => false;

    internal override string? NoiseRefusal => "Behind random masks no part of the measurement is without signal.";

    internal override long[] MeasurementShape(long[] image) => [Masks * image[0], image[1], image[2]];

    internal override long[] ImageShape(long[] measurement) => [measurement[0] / Masks, measurement[1], measurement[2]];

    internal override void CheckPlanes(int[] measurement)
    {
        if (measurement[0] % Masks == 0) return;
        throw new InvalidInputException(
            "files.measurement", $"It has {measurement[0]} planes; {Masks} masks give one for each of them and each channel.");
    }

    internal override OperatorBytes Bytes(long[] image, ArrayData y, int frames) => new(
        48.0 * Masks * image[1] * image[2], 20.0 * 2 * sizeof(float) * y.Values.LongLength);

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        new CodedDiffractionOperator(image[0], image[1], image[2], Masks, Seed, device);

    internal override string? PhotonRefusal =>
        "A detector counts |F (m x)|², and the root of a count has the standard deviation 1/2 whatever it is: "
            + "with N photons per unit of |F (m x)|² give sigma = 0.5 / √N.";
}

/// <summary>
/// y_l = |F (m_l x)| with phase masks m_l and F the centred orthonormal transform. Σ_l of what is inside the magnitudes is an isometry but for a factor:
/// SᴴS = L.
/// </summary>
public sealed class CodedDiffractionOperator : NonlinearOperator
{
    private const int Reductions = 100;

    private readonly long _channels;
    private readonly Tensor _masks, _conjugates;

    /// <summary>Draws the masks.</summary>
    /// <param name="channels">Channels of the image; all see the same masks.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="count">L.</param>
    /// <param name="seed">Seed of the phases.</param>
    /// <param name="device">Where it computes.</param>
    public CodedDiffractionOperator(long channels, long height, long width, int count, long seed, Device device)
        : base("codedDiffraction", [channels, height, width], [count * channels, height, width], count * channels * height * width)
    {
        _channels = channels;
        Count = count;
        var random = new SplitMix64(seed);
        var angles = new float[count * height * width];
        for (long i = 0; i < angles.Length; i++) angles[i] = (float)random.Uniform(-Math.PI, Math.PI);
        using var scope = torch.NewDisposeScope();
        Tensor angle = torch.copy_of(angles, 1, count, 1, height, width).to(device);
        _masks = Own(torch.polar(torch.ones_like(angle), angle));
        _conjugates = Own(torch.polar(torch.ones_like(angle), -angle));
    }

    /// <summary>L.</summary>
    internal int Count { get; }

    internal override Linearisation? Linearise(Tensor x, Tensor y)
    {
        Tensor spectrum = Spectrum(x), magnitude = spectrum.abs(), direction = spectrum / magnitude.clamp(min: 1e-20);
        Tensor opposite = direction.conj();
        return new Linearisation(magnitude - y, v => (Spectrum(v) * opposite).real, w => Back(direction * w));
    }

    /// <summary>Fienup's error reduction from the flat image: the masks leave no wrong image that it stays at when they are four or more.</summary>
    internal override Tensor GlobalStart(Tensor y, CancellationToken cancellation)
    {
        using var scope = torch.NewDisposeScope();
        Tensor x = torch.ones([y.size(0), .. Domain], device: y.device);
        for (int i = 0; i < Reductions; i++)
        {
            using var step = torch.NewDisposeScope();
            cancellation.ThrowIfCancellationRequested();
            Tensor spectrum = Spectrum(x);
            x.copy_((Back(spectrum * (y / spectrum.abs().clamp(min: 1e-12))) / Count).clamp(min: 0));
        }

        return x.MoveToOuterDisposeScope();
    }

    /// <summary>S x, what the magnitudes are of: (N, L channels, height, width), complex.</summary>
    /// <param name="x">(N, channels, height, width).</param>
    internal Tensor Spectrum(Tensor x)
    {
        Tensor plane = x.unsqueeze(1);
        return Fourier.Centred((torch.complex(plane, torch.zeros_like(plane)) * _masks).reshape([x.size(0), .. Range]));
    }

    /// <summary>Re Sᴴ s.</summary>
    /// <param name="s">(N, L channels, height, width), complex.</param>
    internal Tensor Back(Tensor s) =>
        (Fourier.CentredInverse(s).reshape(s.size(0), Count, _channels, Domain[1], Domain[2]) * _conjugates).real.sum([1]);

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => Spectrum(x).abs();
}
