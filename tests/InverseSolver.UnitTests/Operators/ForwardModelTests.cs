using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using Xunit;

namespace InverseSolver.UnitTests.Operators;

/// <summary>Each forward model against its definition, written in another way.</summary>
[LeavesNoTensors]
public sealed class ForwardModelTests : IDisposable
{
    private static readonly double[,] Kernel = { { 0.1, 0.2, 0 }, { 0.05, 0.3, 0.15 }, { 0.1, 0, 0 }, { 0.02, 0.03, 0.01 }, { 0, 0.04, 0 } };
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(Boundary.Reflect, PaddingModes.Reflect), InlineData(Boundary.Circular, PaddingModes.Circular)]
    public void A_blur_is_the_convolution_of_the_padded_image(Boundary boundary, PaddingModes mode)
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        using LinearOperator op = boundary == Boundary.Reflect
            ? new ReflectBlur("psf", 1, 13, 16, Kernel, torch.CPU)
            : new CircularBlur("psf", 1, 13, 16, Kernel, torch.CPU);
        Tensor x = OperatorList.Image(op, 2, 1), k = Fourier.Matrix(Kernel).to(ScalarType.Float32).reshape(1, 1, 5, 3);
        // conv2d correlates, hence the flip.
        Tensor expected = torch.nn.functional.conv2d(torch.nn.functional.pad(x, [1, 1, 2, 2], mode), k.flip(2, 3));
        Assert.True((op.Apply(x) - expected).abs().max().ToDouble() < 1e-5);
    }

    [Theory]
    [InlineData(Boundary.Reflect), InlineData(Boundary.Circular)]
    public void A_point_becomes_the_point_spread_function(Boundary boundary)
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        double[,] even = { { 1, 2 }, { 3, 4 } };
        using LinearOperator op = boundary == Boundary.Reflect
            ? new ReflectBlur("psf", 1, 7, 8, even, torch.CPU)
            : new CircularBlur("psf", 1, 7, 8, even, torch.CPU);
        Tensor x = torch.zeros([1, 1, 7, 8]);
        x.narrow(2, 3, 1).narrow(3, 4, 1).fill_(1);
        double[] image = op.Apply(x).ToDoubles();
        Assert.Equal(1, image[(2 * 8) + 3], 4);
        Assert.Equal(2, image[(2 * 8) + 4], 4);
        Assert.Equal(3, image[(3 * 8) + 3], 4);
        Assert.Equal(4, image[(3 * 8) + 4], 4);
        Assert.Equal(10, image.Sum(), 4);
    }

    [Theory]
    [InlineData(Boundary.Reflect, PaddingModes.Reflect), InlineData(Boundary.Circular, PaddingModes.Circular)]
    public void Gaussian_blur_is_the_convolution_with_the_outer_product_of_its_taps(Boundary boundary, PaddingModes mode)
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        using LinearOperator op = SeparableOperator.GaussianBlur(3, 20, 17, 1.5, boundary, torch.CPU);
        double[] taps = GaussianKernel.Taps(1.5);
        Tensor line = torch.copy_of(taps).to(ScalarType.Float32), kernel = torch.outer(line, line).reshape(1, 1, 13, 13).repeat(3, 1, 1, 1);
        Tensor x = OperatorList.Image(op, 2, 1);
        Tensor expected = torch.nn.functional.conv2d(torch.nn.functional.pad(x, [6, 6, 6, 6], mode), kernel, groups: 3);
        Assert.True((op.Apply(x) - expected).abs().max().ToDouble() < 1e-5);
    }

    [Fact]
    public void Average_downsampling_is_average_pooling_and_its_inverse_repeats()
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        using LinearOperator op = SeparableOperator.Downsampling(3, 12, 20, 4, DownsamplingKernel.Average, torch.CPU);
        Tensor x = OperatorList.Image(op, 2, 1), y = x.reshape(2, 3, 3, 4, 5, 4).mean([3, 5]);
        Assert.True((op.Apply(x) - y).abs().max().ToDouble() < 1e-6);
        Tensor repeated = y.unsqueeze(3).unsqueeze(5).expand(2, 3, 3, 4, 5, 4).reshape(2, 3, 12, 20);
        Assert.True((op.Prox(torch.zeros_like(x), y, 0) - repeated).abs().max().ToDouble() < 1e-5);
    }

    [Theory]
    [InlineData(5, 6), InlineData(4, 7)]
    public void Mri_measures_the_centred_orthonormal_Fourier_sum(int height, int width)
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        bool[] mask = Masks.Random(height, width, 0.4, 8);
        float[] phase = OperatorList.Phase(height, width);
        using LinearOperator op = new CartesianMriOperator(height, width, mask, phase, torch.CPU);
        Tensor x = OperatorList.Image(op, 1, 1);
        float[] image = x.ToFloats(), y = op.Apply(x).ToFloats();
        for (int row = 0; row < height; row++)
        {
            for (int column = 0; column < width; column++)
            {
                System.Numerics.Complex sum = 0;
                for (int i = 0; i < image.Length; i++)
                {
                    double turn = ((row - (height / 2)) * ((i / width) - (height / 2)) / (double)height)
                        + ((column - (width / 2)) * ((i % width) - (width / 2)) / (double)width);
                    sum += image[i] * System.Numerics.Complex.FromPolarCoordinates(1, phase[i] - (2 * Math.PI * turn));
                }
                int at = (row * width) + column;
                sum = mask[at] ? sum / Math.Sqrt(image.Length) : 0;
                Assert.Equal(sum.Real, y[2 * at], 4);
                Assert.Equal(sum.Imaginary, y[(2 * at) + 1], 4);
            }
        }
    }

    [Fact]
    public void A_grey_image_has_the_weights_of_its_channels()
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        Tensor x = torch.copy_of([1f, 0, 0, 1, 0, 0, 0, 1, 0.5f], 3, 3, 1, 1);
        using var rec = new LuminanceOperator(1, 1, Luminance.Rec601, torch.CPU);
        using var mean = new LuminanceOperator(1, 1, Luminance.Mean, torch.CPU);
        Assert.All(rec.Apply(x).ToDoubles().Zip([0.299, 0.299, 0.587 + 0.057]), pair => Assert.Equal(pair.Second, pair.First, 1e-6));
        Assert.All(mean.Apply(x).ToDoubles().Zip([1 / 3.0, 1 / 3.0, 0.5]), pair => Assert.Equal(pair.Second, pair.First, 1e-6));
    }

    [Theory]
    [InlineData(BayerPattern.Rggb, "rgrgbgrgr")]
    [InlineData(BayerPattern.Bggr, "bgbgrgbgb")]
    [InlineData(BayerPattern.Grbg, "grgbgbgrg")]
    [InlineData(BayerPattern.Gbrg, "gbgrgrgbg")]
    public void A_mosaic_has_the_colours_of_its_pattern_and_bilinear_interpolation_gives_planes_back(BayerPattern pattern, string colours)
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        using var op = new BayerOperator(3, 3, pattern, torch.CPU);
        Tensor flat = torch.copy_of([1f, 2, 3], 1, 3, 1, 1).expand(1, 3, 3, 3);
        Tensor y = op.Apply(flat);
        Assert.Equal(colours, string.Concat(y.ToDoubles().Select(value => "rgb"[(int)value - 1])));
        Tensor direct = op.Direct(y);
        Assert.All(direct.ToDoubles().Zip(flat.ToDoubles()), pair => Assert.Equal(pair.Second, pair.First, 1e-6));
        // The middle's green of a ramp is the mean of its four neighbours, or its own.
        Tensor ramp = torch.arange(9).to(ScalarType.Float32).reshape(1, 1, 3, 3).expand(1, 3, 3, 3);
        Assert.Equal(4, op.Direct(op.Apply(ramp)).select(1, 1).ToDoubles()[4], 1e-6);
    }

    [Fact]
    public void Hadamard_and_cosine_transforms_are_the_textbooks()
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        double[,] h = SensingOperator.Hadamard(4);
        string signs = string.Concat(h.Cast<double>().Select(value => value > 0 ? '+' : '-'));
        Assert.Equal("++++" + "+-+-" + "++--" + "+--+", signs);
        Assert.All(h.Cast<double>(), value => Assert.Equal(0.5, Math.Abs(value), 12));
        double[,] c = SensingOperator.Cosine(3);
        double[] expected =
        [
            Math.Sqrt(1 / 3.0), Math.Sqrt(1 / 3.0), Math.Sqrt(1 / 3.0),
            Math.Sqrt(0.5), 0, -Math.Sqrt(0.5),
            Math.Sqrt(1 / 6.0), -Math.Sqrt(2 / 3.0), Math.Sqrt(1 / 6.0),
        ];
        Assert.All(c.Cast<double>().Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 12));
    }

    [Fact]
    public void Everything_sensed_keeps_the_energy_and_gives_the_image_back()
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        using var op = new SensingOperator(1, 8, 16, new CompressedSensing(1, SensingTransform.Hadamard, 4), torch.CPU);
        Tensor x = OperatorList.Image(op, 2, 1), y = op.Apply(x);
        Assert.Equal(OperatorList.Norm(x), OperatorList.Norm(y), 1e-4);
        Assert.True((op.Adjoint(y) - x).abs().max().ToDouble() < 1e-5);
    }

    [Fact]
    public void A_composition_is_its_parts_in_order()
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        var parts = new Composition([new SuperResolution(2, DownsamplingKernel.Average), new Inpainting(new BoxMask(1, 1, 0, 0))]);
        using ForwardOperator op = ProblemOperators.Create(parts, [1, 4, 4], new Dictionary<string, ArrayData>(), null, torch.CPU);
        Assert.Equal(3, op.MeasuredComponents);
        Tensor x = torch.arange(16).to(ScalarType.Float32).reshape(1, 1, 4, 4);
        Assert.All(op.Apply(x).ToDoubles().Zip([0, 4.5, 10.5, 12.5]), pair => Assert.Equal(pair.Second, pair.First, 1e-5));
    }
}
