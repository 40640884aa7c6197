namespace InverseSolver.Reconstruction.Operators;

/// <summary>y_l = |F (m_l x)| with phase masks m_l and F the centred orthonormal transform. Σ_l of what is inside the magnitudes is an isometry but for a factor: SᴴS = L.</summary>
public sealed class CodedDiffractionOperator : NonlinearOperator
{
    private const int Reductions = 100;

    private readonly long channels;
    private readonly Tensor masks, conjugates;

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
        this.channels = channels;
        Count = count;
        var random = new SplitMix64(seed);
        var angles = new float[count * height * width];
        for (long i = 0; i < angles.Length; i++) angles[i] = (float)random.Uniform(-Math.PI, Math.PI);
        using var scope = torch.NewDisposeScope();
        Tensor angle = torch.copy_of(angles, 1, count, 1, height, width).to(device);
        masks = Own(torch.polar(torch.ones_like(angle), angle));
        conjugates = Own(torch.polar(torch.ones_like(angle), -angle));
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
        return Fourier.Centred((torch.complex(plane, torch.zeros_like(plane)) * masks).reshape([x.size(0), .. Range]));
    }

    /// <summary>Re Sᴴ s.</summary>
    /// <param name="s">(N, L channels, height, width), complex.</param>
    internal Tensor Back(Tensor s) =>
        (Fourier.CentredInverse(s).reshape(s.size(0), Count, channels, Domain[1], Domain[2]) * conjugates).real.sum([1]);

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => Spectrum(x).abs();
}
