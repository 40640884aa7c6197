using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.UnitTests.Operators;
using Xunit;
using static InverseSolver.UnitTests.Mri.SimulatedScan;

namespace InverseSolver.UnitTests.Mri;

/// <summary>From simulated raw data, of which everything is known, to what solvers get.</summary>
[LeavesNoTensors]
public sealed class ScanPreparationTests(ITestOutputHelper output)
{
    private const double Level = 0.01 * Peak;

    [Theory, InlineData(true), InlineData(false)]
    public void Noise_becomes_white_of_the_level_that_it_had_on_average(bool given)
    {
        using var scope = torch.NewDisposeScope();
        SimulatedScan made = Create();
        PreparedScan scan = Prepare(made.Request(files: given ? [("covariance", made.Covariance)] : []));
        using SenseOperator a = scan.A;
        Assert.Equal(given ? "covariance" : "estimated", scan.Report.Noise);
        Assert.Equal(given, scan.Report.NoiseSamples is null);
        Assert.Equal(!given, scan.Noise.SigmaEstimated);
        output.WriteLine(
            $"sigma {scan.Noise.Sigma:f4} of {Level:f4}, {scan.Report.VirtualCoils} coils, "
            + $"model error {scan.Report.ModelError:f3}, scale {scan.Scale:f2}");
        Assert.InRange(scan.Noise.Sigma / Level, given ? 0.9999 : 0.85, given ? 1.0001 : 1.15);
        Assert.Equal(scan.Noise.Sigma / scan.Scale, scan.NoiseSigma, 1e-12);
        Assert.Equal(scan.NoiseSigma * Math.Sqrt(scan.Report.ModelError), scan.Sigma, 1e-12);

        // M Ψ Mᴴ = 2 σ² 1.
        Tensor mixing = Mixing(scan, made.KSpace),
            psi = mixing.Matmul(made.Covariance.to(ScalarType.ComplexFloat64)).Matmul(mixing.conj().t()) / (2 * scan.Noise.Sigma * scan.Noise.Sigma);
        double off = (psi - torch.eye(psi.size(0))).abs().max().ToDouble();
        output.WriteLine($"white but for {off:e2}");
        Assert.True(off < (given ? 1e-3 : 0.35), $"{off:e2}");
    }

    [Fact]
    public void A_given_sigma_leaves_the_coils_as_they_are()
    {
        using var scope = torch.NewDisposeScope();
        SimulatedScan made = Create();
        PreparedScan scan = Prepare(made.Request() with { Sigma = 3 });
        using SenseOperator a = scan.A;
        Assert.Equal(("sigma", 3.0, false), (scan.Report.Noise, scan.Noise.Sigma, scan.Noise.SigmaEstimated));
        Tensor mixing = Mixing(scan, made.KSpace), gram = mixing.Matmul(mixing.conj().t());
        Assert.True((gram - torch.eye(gram.size(0))).abs().max().ToDouble() < 1e-4);
    }

    /// <remarks>Of the true image, its phase being that of the maps' reference in each pixel.</remarks>
    [Theory, InlineData(true, null), InlineData(false, null), InlineData(true, 2), InlineData(false, 2)]
    public void What_the_truth_does_not_explain_is_the_noise(bool file, int? virtualCoils)
    {
        using var scope = torch.NewDisposeScope();
        SimulatedScan made = Create(noise: 0.03);
        ReconstructionRequest request = made.Request(
            null,
            new ParallelMri(VirtualCoils: virtualCoils),
            [("covariance", made.Covariance), .. file ? [("maps", made.Coils)] : Array.Empty<(string, Tensor)>()]);
        PreparedScan scan = Prepare(request);
        using SenseOperator a = scan.A;
        Tensor maps = a.Maps.reshape(-1, Rows, Columns), seen = CoilMatrix.Apply(Mixing(scan, made.KSpace), made.Coils);
        Tensor turn = (maps.conj() * seen).sum([0]) / maps.abs().square().sum([0]).clamp(min: 1e-12);
        double ratio = a.Residual2(a.FromComplex((made.Image * turn / scan.Scale).reshape(1, 1, Rows, Columns)), scan.Y).ToDoubles()[0]
            / (a.MeasuredComponents * scan.NoiseSigma * scan.NoiseSigma);
        output.WriteLine($"{scan.Report.VirtualCoils} of {scan.Report.Coils} coils: {ratio:f4}");
        Assert.True(virtualCoils is null || scan.Report.VirtualCoils == virtualCoils);
        Assert.InRange(ratio, 0.96, file ? 1.04 : 1.08);
        Assert.InRange(scan.Report.ModelError, 1, 1.08);
    }

    /// <remarks>Unequal, dependent noise makes whitening a matrix far from 1; images must not see it.</remarks>
    [Theory, InlineData(true, false), InlineData(false, false), InlineData(true, true), InlineData(false, true)]
    public void Maps_are_those_of_the_coils_and_the_image_has_the_measurement_s_units(bool covariance, bool file)
    {
        using var scope = torch.NewDisposeScope();
        SimulatedScan made = Create(noise: 2e-4);
        (string, Tensor)[] files =
        [
            .. covariance ? [("covariance", made.Covariance)] : Array.Empty<(string, Tensor)>(),
            .. file ? [("maps", made.Coils)] : Array.Empty<(string, Tensor)>(),
        ];
        PreparedScan scan = Prepare(made.Request(null, null, files) with { Sigma = covariance ? null : 2e-4 * Peak });
        using SenseOperator a = scan.A;
        Assert.Equal(file ? "file" : "espirit", scan.Report.Maps);
        Assert.Equal(file ? 0 : 24, scan.Report.CalibrationLines);
        Tensor maps = a.Maps.reshape(-1, Rows, Columns), seen = CoilMatrix.Apply(Mixing(scan, made.KSpace), made.Coils),
            support = made.Image.abs().gt(0.3 * Peak);
        Tensor norm = maps.abs().square().sum([0]).sqrt(), truth = seen.abs().square().sum([0]).sqrt();
        double[] agreement = EspiritTests.Inside((maps.conj() * seen).sum([0]).abs() / norm / truth, support),
            size = EspiritTests.Inside(norm / truth, support);
        output.WriteLine(
            $"agreement: median {EspiritTests.Quantile(agreement, 0.5):f6}, 1 % {EspiritTests.Quantile(agreement, 0.01):f6}; "
            + $"size {EspiritTests.Quantile(size, 0.01):f4} to {EspiritTests.Quantile(size, 0.99):f4}");
        Assert.True(EspiritTests.Quantile(agreement, 0.01) > (file ? 0.9999 : 0.999));
        // Of whitened and compressed coils those as they came can only be predicted.
        double off = file || !covariance ? 0.01 : 0.03;
        Assert.InRange(EspiritTests.Quantile(size, 0.01), 1 - off, 1 + off);
        Assert.InRange(EspiritTests.Quantile(size, 0.99), 1 - off, 1 + off);

        // Nearly least squares.
        Tensor image = a.ToComplex(a.Prox(torch.zeros([1, .. a.Domain]), scan.Y, 1e-4)).abs().reshape(Rows, Columns) * scan.Scale, magnitude = made.Image.abs();
        double error = SenseScans.Error(image * support, magnitude * support);
        output.WriteLine($"image {error:p3}, scale {scan.Scale:f3}");
        Assert.True(error < off, $"{error:p3}");
        float[] sorted = magnitude.contiguous().ToFloats();
        Array.Sort(sorted);
        Assert.Equal(1, scan.Scale / sorted[(int)(0.99 * (sorted.Length - 1))], 0.03);
    }

    [Fact]
    public void Maps_of_a_file_are_mixed_as_the_coils_are()
    {
        using var scope = torch.NewDisposeScope();
        SimulatedScan made = Create();
        PreparedScan scan = Prepare(made.Request(Lines(3, 24), null, ("covariance", made.Covariance), ("maps", made.Coils)));
        using SenseOperator a = scan.A;
        Tensor raw = made.KSpace * torch.copy_of(Array.ConvertAll(Lines(3, 24), m => m ? 1f : 0f), Rows, Columns);
        Assert.True(SenseScans.Error(a.Maps.reshape(-1, Rows, Columns), CoilMatrix.Apply(Mixing(scan, raw), made.Coils)) < 1e-3);
    }

    [Fact]
    public void Few_lines_give_low_resolution_maps_and_a_calibration_file_ESPIRiT_s()
    {
        using var scope = torch.NewDisposeScope();
        SimulatedScan made = Create(noise: 1e-3);
        bool[] few = Lines(3, 8);
        PreparedScan without = Prepare(made.Request(few, null, ("covariance", made.Covariance)));
        using SenseOperator low = without.A;
        Assert.Equal(("lowResolution", 24, 8), (without.Report.Maps, without.Report.CalibrationRows, without.Report.CalibrationLines));
        Assert.Equal(Rows * Columns / (double)few.Count(m => m), without.Report.NetAcceleration, 1e-9);
        Assert.Equal(
            "problem.maps",
            Assert.Throws<InvalidInputException>(
                () => Prepare(made.Request(few, new ParallelMri(Maps: MapSource.Espirit), ("covariance", made.Covariance)))).Field);

        // As a scan of its own, of twice the intensity, that is zero beside its centre.
        Tensor centre = torch.copy_of(Array.ConvertAll(Lines(Columns, 20), m => m ? 2f : 0f), Rows, Columns);
        PreparedScan with = Prepare(made.Request(few, null, ("covariance", made.Covariance), ("calibration", made.KSpace * centre)));
        using SenseOperator better = with.A;
        Assert.Equal(("espirit", 24, 20), (with.Report.Maps, with.Report.CalibrationRows, with.Report.CalibrationLines));
        PreparedScan asked = Prepare(made.Request(null, new ParallelMri(Maps: MapSource.LowResolution, CalibrationLines: 12), ("covariance", made.Covariance)));
        using SenseOperator wanted = asked.A;
        Assert.Equal(("lowResolution", 12, 12), (asked.Report.Maps, asked.Report.CalibrationRows, asked.Report.CalibrationLines));

        // Both explain the data, the better maps better.
        output.WriteLine($"model error {without.Report.ModelError:f3} with low resolution, {with.Report.ModelError:f3} with ESPIRiT");
        Assert.True(with.Report.ModelError < without.Report.ModelError);
    }

    [Fact]
    public void Wrong_maps_are_a_model_error_that_makes_sigma_larger()
    {
        using var scope = torch.NewDisposeScope();
        SimulatedScan made = Create();
        PreparedScan right = Prepare(made.Request(Lines(2, 24), null, ("covariance", made.Covariance), ("maps", made.Coils)));
        PreparedScan wrong = Prepare(made.Request(Lines(2, 24), null, ("covariance", made.Covariance), ("maps", made.Coils.roll([1], [0]))));
        using SenseOperator a = right.A, b = wrong.A;
        output.WriteLine($"model error {right.Report.ModelError:f3} and {wrong.Report.ModelError:f1}");
        Assert.InRange(right.Report.ModelError, 1, 1.05);
        Assert.True(wrong.Report.ModelError > 10);
        Assert.True(wrong.Sigma > 3 * wrong.NoiseSigma);
    }

    /// <remarks>Five eighths of the lines: a real image with a phase has its other frequencies by symmetry, a complex one has them not.</remarks>
    [Fact]
    public void Of_partial_Fourier_data_a_smooth_phase_restores_what_was_not_measured()
    {
        using var scope = torch.NewDisposeScope();
        SimulatedScan made = Create(noise: 1e-3, radians: 0.8);
        bool[] mask = [.. Enumerable.Range(0, Rows * Columns).Select(i => i % Columns >= Columns * 3 / 8)];
        // One coil sees all alike, so that only the phase helps.
        Tensor flat = torch.ones([1, Rows, Columns]).to(ScalarType.ComplexFloat32),
            kSpace = Fourier.Centred(made.Image.unsqueeze(0)) + SenseScans.Complex(5, 1, Rows, Columns) * (1e-3 * Peak);
        ReconstructionRequest request = (made with { KSpace = kSpace }).Request(mask, null, ("maps", flat)) with { Sigma = 1e-3 * Peak };
        PreparedScan scan = Prepare(request, complexImage: false);
        using SenseOperator real = scan.A, free = real.WithoutPhase();
        Assert.Equal("lowResolution", scan.Report.Phase);
        Tensor truth = made.Image.abs() / scan.Scale;
        double zeroFilled = Error(free.ToComplex(free.Direct(scan.Y)).abs()),
            plain = Error(free.ToComplex(free.Prox(torch.zeros([1, 2, Rows, Columns]), scan.Y, 1e-4)).abs());
        double symmetric = Error(real.Prox(torch.zeros([1, 1, Rows, Columns]), scan.Y, 1e-3));
        output.WriteLine($"zero filled {zeroFilled:f4}, least squares of a complex image {plain:f4}, of a real one with the phase {symmetric:f4}");
        Assert.True(symmetric < 0.5 * zeroFilled);
        Assert.True(symmetric < 0.5 * plain);

        double Error(Tensor image) => SenseScans.Error(image.reshape(Rows, Columns), truth);
    }

    [Fact]
    public void A_phase_of_a_file_is_used_as_it_is()
    {
        using var scope = torch.NewDisposeScope();
        SimulatedScan made = Create();
        Tensor angle = CoilSimulation.ObjectPhase(Rows, Columns, 1, 1);
        PreparedScan scan = Prepare(made.Request(Lines(2, 24), null, ("phase", angle), ("maps", made.Coils)), complexImage: false);
        using SenseOperator a = scan.A;
        Assert.Equal("file", scan.Report.Phase);
        Assert.True(SenseScans.Error(a.Phase!.squeeze(0), torch.polar(torch.ones_like(angle), angle)) < 1e-6);
        Assert.Equal([1L, Rows, Columns], a.Domain);
    }

    /// <remarks>Spokes twice as many as the grid needs; the noise is given, as it cannot be estimated.</remarks>
    [Fact]
    public void Spokes_are_prepared_as_lines_are()
    {
        using var scope = torch.NewDisposeScope();
        SimulatedScan made = Create(noise: 2e-4);
        double[,] path = Trajectories.GoldenRadial(Rows, Columns, 110, Rows);
        using var sampling = new TrajectorySampling(Rows, Columns, path, torch.CPU);
        Tensor samples = sampling.Forward((made.Coils * made.Image).unsqueeze(0)).squeeze(0),
            positions = torch.copy_of([.. path.Cast<double>()], path.GetLength(0), 2);
        var problem = new ParallelMri(Rows: Rows, Columns: Columns);
        ReconstructionRequest request = made.Request(null, problem, ("trajectory", positions)) with { Measurement = Data(samples) };
        Assert.Equal("sigma", Assert.Throws<InvalidInputException>(() => Prepare(request)).Field);
        PreparedScan scan = Prepare(request with { Sigma = 0.01 });
        using SenseOperator a = scan.A;
        Tensor image = a.ToComplex(a.Prox(torch.zeros([1, .. a.Domain]), scan.Y, 1e-3)).abs().reshape(Rows, Columns) * scan.Scale,
            support = made.Image.abs().gt(0.3 * Peak);
        double error = SenseScans.Error(image * support, made.Image.abs() * support);
        output.WriteLine($"{scan.Report.Maps} of {scan.Report.CalibrationRows} x {scan.Report.CalibrationLines}: {error:p2}");
        Assert.Equal("espirit", scan.Report.Maps);
        Assert.True(error < 0.02, $"{error:p2}");
    }
}
