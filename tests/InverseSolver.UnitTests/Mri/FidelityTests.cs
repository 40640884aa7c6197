using System.Globalization;
using InverseSolver.Diffusion;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Solvers;
using Xunit;
using static InverseSolver.UnitTests.Mri.SimulatedScan;

namespace InverseSolver.UnitTests.Mri;

/// <summary>Whole runs on simulated scans, without a network: volumes, and the report's figures recomputed by BART.</summary>
[LeavesNoTensors]
public sealed class FidelityTests(ITestOutputHelper output)
{
    [Theory, InlineData(false), InlineData(true)]
    public void BART_finds_the_residual_that_the_report_states(bool volume)
    {
        using var scope = torch.NewDisposeScope();
        using var bart = new BartProgram();
        ReconstructionRequest request = Create(seed: 1).Request(Lines(2, 24));
        if (volume) request = request with { Measurement = Stack(request.Measurement, Create(seed: 2).Request(Lines(2, 24)).Measurement) };
        ReconstructionResult result = Run(request);
        string folder = Directory.CreateTempSubdirectory("fidelity-").FullName;
        try
        {
            MriArrays(folder, result);
            Assert.Equal(0, Script(result.Consistency.Residual));
            Assert.Equal(1, Script(result.Consistency.Residual * 1.001));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        int Script(double residual)
        {
            File.WriteAllText(
                Path.Combine(folder, "report.json"),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $$"""{ "consistency": { "residual": {{residual:R}}, "expected": {{result.Consistency.Expected:R}} } }"""));
            (int exit, string said) = Repository.Run(Repository.File("tests", "mri", "fidelity.sh"), [folder]);
            output.WriteLine(said);
            return exit;
        }
    }

    [Fact]
    public void A_volume_of_one_slice_is_the_slice()
    {
        using var scope = torch.NewDisposeScope();
        ReconstructionRequest plain = Create().Request(Lines(2, 24));
        ReconstructionResult one = Run(plain), volume = Run(plain with { Measurement = Stack(plain.Measurement) });
        Assert.Equal([1, .. one.Image.Shape], volume.Image.Shape);
        Assert.Equal([1, .. one.MriArrays!.Image.Shape], volume.MriArrays!.Image.Shape);
        Near(one.Image.Values, volume.Image.Values, 1e-4);
        Near(one.MriArrays.Image.Values, volume.MriArrays.Image.Values, 1e-4);
        Assert.Equal(one.Mri!.Scale, volume.Mri!.Scale, 1e-3);
        Assert.Equal(1, one.Noise.Sigma / volume.Noise.Sigma, 1e-5);
    }

    /// <remarks>The second slice has other lines; its noise and coils are its own then. Shifts of the wavelets' grid are drawn from a slice's seed.</remarks>
    [Fact]
    public void Slices_with_masks_of_their_own_are_each_as_alone()
    {
        using var scope = torch.NewDisposeScope();
        ReconstructionRequest first = Create(seed: 1).Request(Lines(2, 24)), second = Create(seed: 2).Request(Lines(3, 20));
        ReconstructionResult volume = Run(first with { Measurement = Stack(first.Measurement, second.Measurement) });
        (ReconstructionResult a, ReconstructionResult b) = (Run(first), Run(second with { Seed = FrameStack.Seed(first.Seed, 1) }));
        Assert.Equal([2, 1, Rows, Columns], volume.Image.Shape);
        ArrayData images = volume.MriArrays!.Image, masks = volume.MriArrays.Mask!;
        Near(a.MriArrays!.Image.Values, images.Values[..(images.Values.Length / 2)], 1e-4);
        Near(b.MriArrays!.Image.Values, images.Values[(images.Values.Length / 2)..], 1e-4);
        Assert.Equal(a.MriArrays.Mask!.Values, masks.Values[..(Rows * Columns)]);
        Assert.Equal(b.MriArrays.Mask!.Values, masks.Values[(Rows * Columns)..]);

        // On one scale, the larger one.
        Assert.Equal(Math.Max(a.Mri!.Scale, b.Mri!.Scale), volume.Mri!.Scale, 1e-2);
        Near(
            [.. a.Image.Values.Select(v => (float)(v * a.Mri.Scale))],
            [.. volume.Image.Values.Take(Rows * Columns).Select(v => (float)(v * volume.Mri.Scale))],
            1e-4);
    }

    private static ReconstructionResult Run(ReconstructionRequest request)
    {
        using GaussianModel model = Toy.Gaussian();
        return Reconstructor.Run(model, request with { Solver = new WaveletParameters { Steps = 40 } }, null, CancellationToken.None);
    }

    private static void MriArrays(string folder, ReconstructionResult result)
    {
        foreach ((string name, ArrayData array) in ((string, ArrayData)[])
            [
                ("complex", result.MriArrays!.Image), ("maps", result.MriArrays.Maps),
                ("kspace", result.MriArrays.KSpace), ("mask", result.MriArrays.Mask!),
            ])
        {
            File.WriteAllBytes(Path.Combine(folder, name + ".npy"), Npy.Write(array));
        }
    }

    private static ArrayData Stack(params ArrayData[] frames) =>
        new([frames.Length, .. frames[0].Shape], [.. frames.SelectMany(frame => frame.Values)], frames[0].IsComplex);

    private static void Near(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        double error = Math.Sqrt(expected.Zip(actual, (a, b) => (double)(a - b) * (a - b)).Sum() / expected.Sum(a => (double)a * a));
        Assert.True(error < tolerance, $"{error:e2}");
    }
}
