using System.Globalization;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Mri;

/// <summary>
/// The baseline with wavelets against <c>bart pics</c>: both minimise ½ ‖A x − y‖² + w ‖W x‖₁ with Daubechies' filters of four taps and grids that are
/// shifted at random.
/// </summary>
/// <remarks>
/// The shifts leave more than 1 % open unless the weight is small: BART's images after 200 and 600 iterations differ by nearly as much from each other as
/// ours does from them. So ours has to be within 1 % of them, or within twice their distance, and its objective, the mean over fixed shifts, no larger.
/// </remarks>
[LeavesNoTensors]
public sealed class WaveletBartTests(ITestOutputHelper output)
{
    private const int Iterations = 200;

    [Theory, InlineData(0.002, 0.0002), InlineData(0.01, 0.003)]
    public void Of_a_phantom_it_is_BART_s_image(double noise, double weight)
    {
        using var scope = torch.NewDisposeScope();
        using var bart = new BartProgram();
        bart.Run("phantom", "-x", "64", "-s", "8", "-k", "@full");
        bart.Run("phantom", "-x", "64", "-S", "8", "@sensitivities");
        Tensor kSpace = bart.Read("full", 4).squeeze(2).permute(2, 0, 1), maps = bart.Read("sensitivities", 4).squeeze(2).permute(2, 0, 1);
        Compared(bart, kSpace, maps / maps.abs().square().sum([0], keepdim: true).sqrt(), noise, weight);
    }

    /// <remarks>
    /// Some rows from the middle, since all are measured; as many as a power of two, as <c>pics</c> gives images of other sizes another sign.
    /// </remarks>
    [Fact]
    public void Of_a_brain_with_every_third_line_it_is_BART_s_image()
    {
        using var scope = torch.NewDisposeScope();
        using var bart = new BartProgram();
        Tensor kSpace = Bart.Brain(), maps = Espirit.Maps(EspiritTests.Centre(kSpace, 24), 230, 180).Maps.reshape(8, 230, 180);
        Tensor cropped = Fourier.Centred(Fourier.CentredInverse(kSpace).narrow(1, 83, 64));
        Compared(bart, cropped, maps.narrow(1, 83, 64).contiguous(), 0, 0.001);
    }

    // NRMSE of ours to BART's.
    private void Compared(BartProgram bart, Tensor kSpace, Tensor maps, double noise, double weight)
    {
        (int rows, int columns) = ((int)kSpace.size(1), (int)kSpace.size(2));
        bool[] lines = [.. Enumerable.Range(0, rows * columns).Select(i => i % columns % 3 == 0 || Math.Abs(i % columns - columns / 2 + 0.5) < 12)];
        using var op = new SenseOperator(
            new CartesianSampling(rows, columns, lines, torch.CPU),
            maps.reshape(1, 1, maps.size(0), rows, columns).contiguous(),
            null, owns: true);
        double peak = (maps.conj() * Fourier.CentredInverse(kSpace)).sum([0]).abs().max().ToDouble();
        Tensor y = op.Measured((kSpace / peak + SenseScans.Complex(1, kSpace.size(0), rows, columns) * noise).unsqueeze(0).contiguous());
        bart.Write("k", y.squeeze(0).permute(1, 2, 0).unsqueeze(2));
        bart.Write("maps", maps.permute(1, 2, 0).unsqueeze(2));
        string[] arguments = ["pics", "-w1", "-l1", "-r", weight.ToString(CultureInfo.InvariantCulture)];
        bart.Run([.. arguments, "-i", Iterations.ToString(CultureInfo.InvariantCulture), "@k", "@maps", "@image"]);
        Tensor theirs = bart.Read("image", 2).reshape(1, 1, rows, columns);
        using GaussianModel model = Toy.Gaussian();
        float[] values = Toy.Run(model, op, y, 0.02, new WaveletParameters { Weight = weight, Steps = Iterations }, 1);
        Tensor mine = op.ToComplex(torch.copy_of(values, 1, 2, rows, columns));
        double error = SenseScans.Error(mine, theirs);
        bart.Run([.. arguments, "-i", "600", "@k", "@maps", "@longer"]);
        Tensor longer = bart.Read("longer", 2).reshape(1, 1, rows, columns);
        (double here, double there, double spread) = (Objective(mine), Objective(theirs), SenseScans.Error(longer, theirs));
        output.WriteLine(
            $"NRMSE {error:p3}, to BART after 600 iterations {SenseScans.Error(mine, longer):p3}; "
            + $"between those of BART {spread:p3}; objective {here:f4}, BART's {there:f4}; "
            + $"plain data {SenseScans.Error(op.ToComplex(op.Adjoint(y)), theirs):p1}");
        Assert.True(error < Math.Max(0.01, 2 * spread), $"{error:p2}, BART from itself {spread:p2}");
        Assert.True(SenseScans.Error(mine, longer) < Math.Max(0.01, 2 * spread));
        Assert.True(here < 1.001 * there);

        double Objective(Tensor image)
        {
            using var wavelet = new InverseSolver.Reconstruction.Optimisation.OrthogonalWavelet(rows, columns, torch.CPU);
            double penalty = 0;
            for (int shift = 0; shift < 16; shift++)
            {
                Tensor moved = torch.view_as_real(image.contiguous()).squeeze(0).squeeze(0).permute(2, 0, 1).roll([shift * 5, shift * 7], [1, 2]);
                penalty += (wavelet.Forward(moved).square().sum([0]).sqrt() * wavelet.Details).sum().ToDouble() / 16;
            }

            return op.Residual2(op.FromComplex(image).contiguous(), y).ToDoubles()[0] / 2 + weight * penalty;
        }
    }
}
