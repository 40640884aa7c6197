using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.UnitTests.Mri;

namespace InverseSolver.UnitTests.Operators;

/// <summary>The operators under test. One line here and an operator inherits every law.</summary>
internal static class OperatorList
{
    private static readonly double[,] Lopsided = { { 1, 2, 0, 1 }, { 0, 6, 3, 1 }, { 2, 4, 1, 0 } };

    public static readonly Dictionary<string, Func<LinearOperator>> All = new()
    {
        ["denoising 3x13x17"] = () => MaskOperator.Denoising(3, 13, 17, torch.CPU),
        ["inpainting random 3x24x20"] = () => new MaskOperator(3, 24, 20, Masks.Random(24, 20, 0.7, 1), torch.CPU),
        ["inpainting box 1x15x18"] = () => new MaskOperator(1, 15, 18, Masks.Box(15, 18, 3, 4, 7, 6), torch.CPU),
        ["gaussian reflect 3x24x20"] = () => SeparableOperator.GaussianBlur(3, 24, 20, 2, Boundary.Reflect, torch.CPU),
        ["gaussian reflect wider than the image 1x9x11"] = () => SeparableOperator.GaussianBlur(1, 9, 11, 6, Boundary.Reflect, torch.CPU),
        ["gaussian circular 1x24x21"] = () => SeparableOperator.GaussianBlur(1, 24, 21, 1.5, Boundary.Circular, torch.CPU),
        ["gaussian reflect one row 1x1x16"] = () => SeparableOperator.GaussianBlur(1, 1, 16, 1, Boundary.Reflect, torch.CPU),
        ["motion reflect 3x24x21"] = () => new ReflectBlur("motionBlur", 3, 24, 21, Motion(9), torch.CPU),
        ["motion reflect larger than the image 1x15x12"] = () => new ReflectBlur("motionBlur", 1, 15, 12, Motion(31), torch.CPU),
        ["motion circular 3x24x21"] = () => new CircularBlur("motionBlur", 3, 24, 21, Motion(9), torch.CPU),
        ["motion circular larger than the image 1x15x12"] = () => new CircularBlur("motionBlur", 1, 15, 12, Motion(31), torch.CPU),
        ["psf reflect 1x17x22"] = () => new ReflectBlur("pointSpread", 1, 17, 22, Normalised(Lopsided), torch.CPU),
        ["psf circular 3x17x22"] = () => new CircularBlur("pointSpread", 3, 17, 22, Normalised(Lopsided), torch.CPU),
        ["bicubic x2 3x22x18"] = () => SeparableOperator.Downsampling(3, 22, 18, 2, DownsamplingKernel.Bicubic, torch.CPU),
        ["bicubic x3 1x27x15"] = () => SeparableOperator.Downsampling(1, 27, 15, 3, DownsamplingKernel.Bicubic, torch.CPU),
        ["bicubic x4 3x24x20"] = () => SeparableOperator.Downsampling(3, 24, 20, 4, DownsamplingKernel.Bicubic, torch.CPU),
        ["bicubic x8 1x40x24"] = () => SeparableOperator.Downsampling(1, 40, 24, 8, DownsamplingKernel.Bicubic, torch.CPU),
        ["bicubic x4 to one pixel 1x4x4"] = () => SeparableOperator.Downsampling(1, 4, 4, 4, DownsamplingKernel.Bicubic, torch.CPU),
        ["average x2 1x22x18"] = () => SeparableOperator.Downsampling(1, 22, 18, 2, DownsamplingKernel.Average, torch.CPU),
        ["average x4 3x24x20"] = () => SeparableOperator.Downsampling(3, 24, 20, 4, DownsamplingKernel.Average, torch.CPU),
        ["mri random lines 24x20"] = () => new CartesianMriOperator(24, 20, Lines(24, Masks.RandomLines(20, 3, 0.2, 5)!), null, torch.CPU),
        ["mri equispaced lines 15x21"] = () => new CartesianMriOperator(15, 21, Lines(15, Masks.EquispacedLines(21, 3, 0.15)!), null, torch.CPU),
        ["mri random points 17x24"] = () => new CartesianMriOperator(17, 24, Masks.Random(17, 24, 0.6, 3), null, torch.CPU),
        ["mri with phase 24x20"] = () => new CartesianMriOperator(24, 20, Lines(24, Masks.RandomLines(20, 3, 0.2, 5)!), Phase(24, 20), torch.CPU),
        ["mri with phase 15x21"] = () => new CartesianMriOperator(15, 21, Masks.Random(15, 21, 0.6, 3), Phase(15, 21), torch.CPU),
        ["sense lines, phase 4x24x20"] = () => Sense(24, 20, 4, 1, phase: true),
        ["sense lines, complex 3x15x21"] = () => Sense(15, 21, 3, 1, phase: false),
        ["sense points, two sets 4x16x12"] = () => Sense(16, 12, 4, 2, phase: false, points: true),
        ["sense two sets, phase 4x16x12"] = () => Sense(16, 12, 4, 2, phase: true),
        ["sense radial, phase 4x16x12"] = () => Radial(16, 12, 4, phase: true),
        ["sense radial, complex 3x13x16"] = () => Radial(13, 16, 3, phase: false),
        ["ct radon sparse views 1x16x16"] = () => new TomographyOperator(1, 16, new ComputedTomography(9), torch.CPU),
        ["ct radon limited angle 3x13x13"] = () => new TomographyOperator(3, 13, new ComputedTomography(20, -30, 60), torch.CPU),
        ["ct means 3x16x16"] = () => new TomographyOperator(3, 16, new ComputedTomography(9, Projector: Projector.Mean), torch.CPU),
        ["ct means all round 1x13x13"] = () => new TomographyOperator(1, 13, new ComputedTomography(40, 0, 360, Projector.Mean), torch.CPU),
        ["blur, downsampling, inpainting 3x24x20"] = () => new ComposedOperator(
            SeparableOperator.GaussianBlur(3, 24, 20, 1, Boundary.Reflect, torch.CPU),
            SeparableOperator.Downsampling(3, 24, 20, 2, DownsamplingKernel.Bicubic, torch.CPU),
            new MaskOperator(3, 12, 10, Masks.Random(12, 10, 0.3, 1), torch.CPU)),
        ["colourisation rec601 3x13x17"] = () => new LuminanceOperator(13, 17, Luminance.Rec601, torch.CPU),
        ["demosaicking grbg 3x13x17"] = () => new BayerOperator(13, 17, BayerPattern.Grbg, torch.CPU),
        ["colourisation mean 3x13x17"] = () => new LuminanceOperator(13, 17, Luminance.Mean, torch.CPU),
        ["hadamard 1x16x32"] = () => new SensingOperator(1, 16, 32, new CompressedSensing(0.4, Seed: 1), torch.CPU),
        ["hadamard padded 3x13x17"] = () => new SensingOperator(3, 13, 17, new CompressedSensing(0.6, Seed: 2), torch.CPU),
        ["cosines 3x13x18"] = () => new SensingOperator(3, 13, 18, new CompressedSensing(0.3, SensingTransform.Cosine, 3), torch.CPU),
        ["inpainting, mri 1x17x24"] = () => new ComposedOperator(
            new MaskOperator(1, 17, 24, Masks.Random(17, 24, 0.2, 1), torch.CPU),
            new CartesianMriOperator(17, 24, Masks.Random(17, 24, 0.6, 3), null, torch.CPU)),
        ["sense lines 12x10"] = () => SenseScans.Cartesian(12, 10, SenseScans.Lines(12, 10)),
        ["sense points 9x11"] = () => SenseScans.Cartesian(9, 11, SenseScans.Positions(9, 11)),
        ["sense lines with phase 11x13"] = () => SenseScans.Cartesian(11, 13, SenseScans.Lines(11, 13), phase: true),
        ["sense points with phase, two sets 10x9"] = () => SenseScans.Cartesian(10, 9, SenseScans.Positions(10, 9), sets: 2, phase: true),
        ["sense lines, two sets 9x10"] = () => SenseScans.Cartesian(9, 10, SenseScans.Lines(9, 10), coils: 4, sets: 2),
        ["sense spokes 10x9"] = () => SenseScans.Radial(10, 9),
        ["sense spokes with phase 12x11"] = () => SenseScans.Radial(12, 11, phase: true),
        ["weighted inpainting 1x15x18"] = () => Weighted(new MaskOperator(1, 15, 18, Masks.Box(15, 18, 3, 4, 7, 6), torch.CPU)),
        ["weighted colourisation 3x13x17"] = () => Weighted(new LuminanceOperator(13, 17, Luminance.Rec601, torch.CPU)),
        ["weighted cosines 3x13x18"] = () => Weighted(new SensingOperator(3, 13, 18, new CompressedSensing(0.3, SensingTransform.Cosine, 3), torch.CPU)),
        ["weighted bicubic x2 1x22x18"] = () => Weighted(SeparableOperator.Downsampling(1, 22, 18, 2, DownsamplingKernel.Bicubic, torch.CPU)),
        ["weighted ct means 1x13x13"] = () => Weighted(new TomographyOperator(1, 13, new ComputedTomography(9, Projector: Projector.Mean), torch.CPU)),
    };

    /// <summary>
    /// The nonlinear operators under test; those with censored pixels know the measurement of items that <see cref="Unit"/> draws from seed 1.
    /// </summary>
    public static readonly Dictionary<string, Func<NonlinearOperator>> Nonlinear = new()
    {
        ["hdr, no measurement 1x13x17"] = () => new ClippingOperator("hdr", [1, 13, 17], 2, 0, 1, null, torch.CPU),
        ["hdr 3x13x17"] = () => Censored(3, 13, 17, 2, 0, 1),
        ["clipping 1x13x17"] = () => Censored(1, 13, 17, 1, 0.2, 0.6),
        ["quantisation to 2 3x13x17"] = () => QuantisationOperator.Levels([3, 13, 17], 2, torch.CPU),
        ["quantisation to 8 1x13x17"] = () => QuantisationOperator.Levels([1, 13, 17], 8, torch.CPU),
        ["jpeg 1x16x24"] = () => QuantisationOperator.Jpeg([1, 16, 24], 10, torch.CPU),
        ["jpeg 3x24x16"] = () => QuantisationOperator.Jpeg([3, 24, 16], 75, torch.CPU),
        ["phase retrieval x2 1x13x17"] = () => new FourierMagnitudeOperator(1, 14, 18, 2),
        ["weighted clipping 1x13x17"] = () => new WeightedNonlinearOperator(Censored(1, 13, 17, 1, 0.2, 0.6), Weights([1, 13, 17])),
        ["coded diffraction 1x13x18"] = () => new CodedDiffractionOperator(1, 13, 18, 4, 1, torch.CPU),
        ["coded diffraction 3x12x11"] = () => new CodedDiffractionOperator(3, 12, 11, 2, 2, torch.CPU),
        ["phase retrieval x1.5 3x16x12"] = () => new FourierMagnitudeOperator(3, 16, 12, 1.5),
    };

    /// <summary>N random images in [0,1].</summary>
    public static Tensor Unit(IReadOnlyList<long> shape, long items, long seed)
    {
        using var generator = new Generator((ulong)seed);
        return torch.rand([items, .. shape], generator);
    }

    private static ClippingOperator Censored(long channels, long height, long width, double gain, double low, double high)
    {
        using var scope = torch.NewDisposeScope();
        long[] shape = [channels, height, width];
        float[] y = (Unit(shape, 1, 1) * gain).clamp(low, high).ToFloats();
        return new ClippingOperator("clipping", shape, gain, low, high, ClippingOperator.Censored(y, low, high, 0), torch.CPU);
    }

    private static SenseOperator Sense(int height, int width, int coils, int sets, bool phase, bool points = false) => Sense(
        new CartesianSampling(height, width, points ? Masks.Random(height, width, 0.5, 3) : Lines(height, Masks.RandomLines(width, 2, 0.2, 5)!), torch.CPU),
        height, width, coils, sets, phase);

    private static SenseOperator Radial(int height, int width, int coils, bool phase) =>
        Sense(new TrajectorySampling(height, width, Trajectories.GoldenRadial(height, width, 12, 24), torch.CPU), height, width, coils, 1, phase);

    // Maps whose root sum of squares is 1; of several sets they are different coils.
    private static SenseOperator Sense(KSpaceSampling sampling, int height, int width, int coils, int sets, bool phase)
    {
        using var scope = torch.NewDisposeScope();
        Tensor maps = torch.stack([.. Enumerable.Range(0, sets).Select(set => CoilSimulation.Coils(coils, height, width, 1 + set))]).unsqueeze(0);
        Tensor angle = torch.copy_of(Phase(height, width), 1, height, width);
        return new SenseOperator(sampling, maps, phase ? torch.complex(angle.cos(), angle.sin()) : null, owns: true);
    }

    private static WeightedOperator Weighted(LinearOperator op) => new(op, Weights(op.Range));

    // From 0.5 to 2.5.
    private static Tensor Weights(IReadOnlyList<long> range) => Unit(range, 1, 9) * 2 + 0.5;

    /// <summary>Whose exact proximal step is conjugate gradients that stop early.</summary>
    public static bool IsIterative(LinearOperator op) =>
        op is SenseOperator or ReflectBlur or TomographyOperator or ComposedOperator
            or SensingOperator or WeightedOperator { Unweighted.RowPower: null };

    public static bool[] Lines(int height, bool[] lines) => [.. Enumerable.Repeat(lines, height).SelectMany(line => line)];

    public static float[] Phase(int height, int width) =>
        [.. Enumerable.Range(0, height * width).Select(i => (float)(2 * Math.Sin(i / width * 0.2) + Math.Cos(i % width * 0.3)))];

    /// <summary>N random images.</summary>
    public static Tensor Image(LinearOperator op, long items, long seed) => Random([items, .. op.Domain], seed);

    /// <summary>N random measurements, not 0 where nothing is measured.</summary>
    public static Tensor Measurement(ForwardOperator op, long items, long seed)
    {
        using var scope = torch.NewDisposeScope();
        Tensor y = op.IsComplexRange ? torch.view_as_complex(Random([items, .. op.Range, 2], seed)) : Random([items, .. op.Range], seed);
        return y.clone().MoveToOuterDisposeScope();
    }

    /// <summary>Real components in turn, double precision.</summary>
    public static double Dot(Tensor a, Tensor b) => a.ToDoubles().Zip(b.ToDoubles(), (p, q) => p * q).Sum();

    public static double Norm(Tensor a) => Math.Sqrt(Dot(a, a));

    private static Tensor Random(long[] shape, long seed)
    {
        using var generator = new Generator((ulong)seed);
        return torch.randn(shape, generator);
    }

    private static double[,] Motion(int size)
    {
        double[] kernel = MotionKernel.Draw(size, 0.5, 7);
        var grid = new double[size, size];
        Buffer.BlockCopy(kernel, 0, grid, 0, kernel.Length * sizeof(double));
        return grid;
    }

    private static double[,] Normalised(double[,] kernel)
    {
        double sum = kernel.Cast<double>().Sum();
        var result = (double[,])kernel.Clone();
        for (int i = 0; i < result.GetLength(0); i++)
        {
            for (int j = 0; j < result.GetLength(1); j++) result[i, j] /= sum;
        }
        return result;
    }
}
