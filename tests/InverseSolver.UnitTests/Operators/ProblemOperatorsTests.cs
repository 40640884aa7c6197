using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using Xunit;

namespace InverseSolver.UnitTests.Operators;

[LeavesNoTensors]
public sealed class ProblemOperatorsTests : IDisposable
{
    private static readonly ArrayData Colour = Smooth(3, 24, 36), Grey = Smooth(1, 24, 36);
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Dictionary<string, ArrayData> Files(params (string Name, ArrayData Data)[] files) => files.ToDictionary(f => f.Name, f => f.Data);

    private static ArrayData Smooth(int channels, int height, int width) => new(
        [channels, height, width],
        [.. Enumerable.Range(0, channels * height * width)
            .Select(i => (float)(0.5 + (0.3 * Math.Sin(i / width % height * 0.3) * Math.Cos((i % width * 0.2) + (i / (width * height))))))]);

    private static ArrayData Lines() => new([36], [.. Enumerable.Range(0, 36).Select(i => i is > 14 and < 22 || i % 4 == 0 ? 1f : 0f)]);

    private static readonly Dictionary<string, (Problem Problem, ArrayData Image, Dictionary<string, ArrayData> Files)> Kinds = new()
    {
        ["denoising"] = (new Denoising(), Colour, []),
        ["inpainting box"] = (new Inpainting(new BoxMask(10, 8)), Colour, []),
        ["inpainting random"] = (new Inpainting(new RandomMask(0.7, 4)), Grey, []),
        ["inpainting file"] =
            (new Inpainting(new UploadedMask()), Colour,
                Files(("mask", new([24, 36], [.. Enumerable.Range(0, 864).Select(i => i % 3 == 0 ? 0f : 1f)])))),
        ["inpainting nothing missing"] = (new Inpainting(new UploadedMask()), Grey, Files(("mask", new([3, 24, 36], [.. Enumerable.Repeat(1f, 3 * 864)])))),
        ["bicubic x4"] = (new SuperResolution(4), Colour, []),
        ["bicubic x3"] = (new SuperResolution(3), Grey, []),
        ["average x2"] = (new SuperResolution(2, DownsamplingKernel.Average), Grey, []),
        ["gaussian"] = (new GaussianBlur(), Colour, []),
        ["gaussian circular"] = (new GaussianBlur(1, Boundary.Circular), Grey, []),
        ["motion"] = (new MotionBlur(), Colour, []),
        ["motion circular"] = (new MotionBlur(15, 0.8, 3, Boundary.Circular), Grey, []),
        ["psf"] = (new PointSpread(), Colour, Files(("psf", new([2, 3], [1, 2, 3, 0, -0.5f, 1])))),
        ["psf circular"] = (new PointSpread(Boundary.Circular), Grey, Files(("psf", new([1, 3, 2], [1, 2, 3, 0, 5, 1])))),
        ["mri random"] = (new CartesianMri(new RandomKSpaceMask(3, 0.2, 5)), Grey, []),
        ["mri equispaced"] = (new CartesianMri(new EquispacedKSpaceMask(3, 0.2)), Grey, []),
        ["mri every third line"] = (new CartesianMri(new EquispacedKSpaceMask(CentreLines: 6, Spacing: 3, Offset: 1, PartialFourier: 0.75)), Grey, []),
        ["mri Poisson discs"] = (new CartesianMri(new PoissonDiscKSpaceMask(3, CentreLines: 8)), Grey, []),
        ["mri Poisson lines"] = (new CartesianMri(new PoissonDiscKSpaceMask(3, Lines: true)), Grey, []),
        ["mri file lines"] = (new CartesianMri(new UploadedKSpaceMask()), Grey, Files(("mask", Lines()))),
        ["mri file plane, phase"] = (new CartesianMri(new UploadedKSpaceMask(), PhaseSource.File), Grey,
            Files(("mask", new([24, 36], [.. Enumerable.Range(0, 864).Select(i => i % 2)])), ("phase", new([24, 36], OperatorList.Phase(24, 36))))),
        ["ct"] = (new ComputedTomography(7), Smooth(3, 20, 20), []),
        ["ct limited angle, means"] = (new ComputedTomography(12, 10, 90, Projector.Mean, new HounsfieldWindow(-1000, 500)), Smooth(1, 21, 21), []),
        ["composition"] = (new Composition([new GaussianBlur(1), new SuperResolution(2), new Inpainting(new UploadedMask())]), Colour,
            Files(("mask", new([12, 18], [.. Enumerable.Range(0, 216).Select(i => i % 3 == 0 ? 0f : 1f)])))),
        ["composition of mri"] = (new Composition([new SuperResolution(3), new CartesianMri(new RandomKSpaceMask(2, 0.2, 5))]), Grey, []),
        ["composition of one"] = (new Composition([new ComputedTomography(5)]), Smooth(1, 12, 12), []),
        ["colourisation"] = (new Colourisation(), Colour, []),
        ["colourisation by the mean, blurred"] = (new Composition([new Colourisation(Luminance.Mean), new GaussianBlur(1)]), Colour, []),
        ["demosaicking"] = (new Demosaicking(BayerPattern.Gbrg), Colour, []),
        ["hadamard"] = (new CompressedSensing(0.5, Height: 24, Width: 36), Colour, []),
        ["hadamard of a power of two"] = (new CompressedSensing(0.3, Seed: 3), Smooth(1, 16, 32), []),
        ["cosines"] = (new CompressedSensing(0.25, SensingTransform.Cosine, 2), Grey, []),
        ["hdr"] = (new HighDynamicRange(1.6), Colour, []),
        ["clipping"] = (new Clipping(0.3, 0.7), Grey, []),
        ["phase retrieval"] = (new PhaseRetrieval(), Colour, []),
        ["coded diffraction"] = (new CodedDiffraction(3, 5), Colour, []),
        ["phase retrieval x1.5"] = (new PhaseRetrieval(1.5), Grey, []),
        ["quantisation"] = (new Quantisation(200), Grey, []),
        ["jpeg"] = (new Jpeg(98), Colour with { Shape = [3, 24, 32], Values = Smooth(3, 24, 32).Values }, []),
        ["mri estimated phase"] = (new CartesianMri(new RandomKSpaceMask(2, 0.3, 5), PhaseSource.Estimated), Grey, []),
    };

    public static TheoryData<string> Names => [.. Kinds.Keys];

    [Theory, MemberData(nameof(Names))]
    public void A_simulated_measurement_is_explained_by_its_image_up_to_the_noise(string name)
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        (Problem problem, ArrayData image, Dictionary<string, ArrayData> files) = Kinds[name];
        const double sigma = 0.02;
        ArrayData y = Reconstructor.Simulate(problem, image, files, sigma, 11).Measurement;
        long[] shape = ProblemOperators.ImageShape(problem, y);
        Assert.Equal(image.Shape.Select(size => (long)size), shape);
        ProblemOperators.Validate(problem, shape, files, y);
        using ForwardOperator op = ProblemOperators.Create(problem, shape, files, y, torch.CPU);
        if (name.Contains("estimated")) return;   // another operator than the one that made y

        double residual = op.Residual2(image.ToTensor(torch.CPU), y.ToTensor(torch.CPU)).ToDouble();
        // The residual is sigma² times a chi-square number of m degrees of freedom: 5 standard deviations.
        // Of clipped pixels a little is left besides, and rounding hides what lies within its cells.
        double clipped = problem is HighDynamicRange or Clipping ? 1.1 : 1, hidden = problem is Quantisation or Jpeg ? 1 : 0;
        Assert.InRange(
            residual / (op.MeasuredComponents * sigma * sigma),
            1 - hidden - (5 * Math.Sqrt(2.0 / op.MeasuredComponents)),
            clipped + (5 * Math.Sqrt(2.0 / op.MeasuredComponents)));

        Assert.Equal(y.Values, Reconstructor.Simulate(problem, image, files, sigma, 11).Measurement.Values);
        Assert.NotEqual(y.Values, Reconstructor.Simulate(problem, image, files, sigma, 12).Measurement.Values);
        Tensor clean = Reconstructor.Simulate(problem, image, files, 0, 11).Measurement.ToTensor(torch.CPU);
        if (!problem.IsLinear)
        {
            using ForwardOperator exact = ProblemOperators.Create(problem, shape, files, clean.ToArrayData(), torch.CPU);
            Assert.True(exact.Residual2(image.ToTensor(torch.CPU), clean).ToDouble() < 1e-8 * exact.MeasuredComponents);
        }

        Assert.Equal(clean.ToFloats(), op.Apply(image.ToTensor(torch.CPU)).ToFloats());
        Assert.Equal(clean.ToFloats(), op.Measured(clean).ToFloats());
    }

    [Fact]
    public void What_the_generators_drew_solves_the_same_problem_as_files()
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        Same(new Inpainting(new RandomMask(0.5, 3)), new Inpainting(new UploadedMask()), "mask");
        Same(new Inpainting(new BoxMask(5, 6, 1)), new Inpainting(new UploadedMask()), "mask");
        Same(new CartesianMri(new RandomKSpaceMask(3, 0.1, 1)), new CartesianMri(new UploadedKSpaceMask()), "mask");
        Same(new MotionBlur(11, 0.5, 1), new PointSpread(), "psf");
        Assert.Empty(Reconstructor.Simulate(new GaussianBlur(), Grey, Files(), 0, 0).Files);

        void Same(Problem drawn, Problem uploaded, string file)
        {
            SimulatedMeasurement first = Reconstructor.Simulate(drawn, Grey, Files(), 0.01, 5);
            Assert.Equal([file], first.Files.Keys);
            SimulatedMeasurement second = Reconstructor.Simulate(uploaded, Grey, first.Files, 0.01, 5);
            Assert.Empty(second.Files);
            for (int i = 0; i < first.Measurement.Values.Length; i++) Assert.Equal(first.Measurement.Values[i], second.Measurement.Values[i], 1e-5f);
        }
    }

    [Fact]
    public void A_smooth_phase_is_estimated_from_the_centre_of_k_space()
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        const int height = 48, width = 40;
        float[] phase = [.. Enumerable.Range(0, height * width).Select(i => (float)((0.8 * Math.Cos(i / width * 0.13)) + (0.03 * (i % width))))];
        ArrayData image = new(
            [1, height, width],
            [.. Enumerable.Range(0, height * width).Select(i => double.Hypot((i / width) - 24, (i % width) - 20) < 16 ? 0.8f : 0.1f)]);
        Dictionary<string, ArrayData> files = Files(("phase", new([height, width], phase)));
        var mask = new RandomKSpaceMask(1.5, 0.4, 2);
        ArrayData y = Reconstructor.Simulate(new CartesianMri(mask, PhaseSource.File), image, files, 0, 0).Measurement;
        double Fit(PhaseSource source, Dictionary<string, ArrayData> given)
        {
            using ForwardOperator op = ProblemOperators.Create(new CartesianMri(mask, source), [1, height, width], given, y, torch.CPU);
            Tensor measured = y.ToTensor(torch.CPU);
            return Math.Sqrt(op.Residual2(image.ToTensor(torch.CPU), measured).ToDouble()) / OperatorList.Norm(measured);
        }
        Assert.True(Fit(PhaseSource.File, files) < 1e-5);
        Assert.True(Fit(PhaseSource.Estimated, Files()) < 0.15, $"{Fit(PhaseSource.Estimated, Files())}");
        Assert.True(Fit(PhaseSource.None, Files()) > 0.4);
    }

    public static TheoryData<string, string> Wrong => new()
    {
        { "problem.mask.fraction", "fraction" }, { "problem.mask.height", "no box" }, { "problem.mask.height", "high box" },
        { "problem.mask.width", "wide box" },
        { "problem.mask.top", "low box" }, { "problem.mask.left", "right box" }, { "problem.mask", "all box" }, { "problem.mask", "no mask" },
        { "problem.factor", "factor" }, { "problem.kernel", "enum" }, { "problem.sigma", "sigma nan" },
        { "problem.sigma", "sigma" }, { "problem.size", "size even" }, { "problem.seed", "seed" },
        { "problem.mask.acceleration", "acceleration" }, { "problem.mask.centreFraction", "centre" },
        { "problem.mask.centreLines", "centre lines" }, { "problem.mask.centreLines", "centre twice" }, { "problem.mask.centreLines", "centre too wide" },
        { "problem.mask.spacing", "spacing and acceleration" }, { "problem.mask.offset", "offset alone" },
        { "problem.mask.offset", "offset large" }, { "problem.mask.partialFourier", "partial Fourier" },
        { "problem.mask.centreFraction", "discs' centre" }, { "problem.phase", "no centre" },
        { "problem.angles", "angles" }, { "problem.angles", "angles times pixels" }, { "problem.endDegrees", "degrees" },
        { "problem.window.high", "window" }, { "problem.projector", "projector" },
        { "problem.parts", "no parts" }, { "problem.parts[1]", "null part" }, { "problem.parts[1].factor", "part's factor" },
        { "problem.parts[1].mask.fraction", "part's fraction" },
        { "problem.parts[0].size", "part's size" }, { "problem.parts[0]", "mri first" }, { "problem.parts[1]", "nested" }, { "problem.parts[1]", "mask twice" },
        { "problem.parts[1].mask.height", "part's box" }, { "problem.parts[0].phase", "part's phase" }, { "files.mask", "part's mask" },
        { "problem.weights", "weights" }, { "files.measurement", "sensed height" }, { "files.measurement", "sensed width" },
        { "problem.fraction", "sensed fraction" }, { "problem.height", "cosine height" },
        { "problem.gain", "gain" }, { "problem.high", "limits" }, { "files.measurement", "all clipped" },
        { "problem.levels", "levels" }, { "problem.quality", "quality" }, { "files.measurement", "jpeg size" },
        { "problem.oversampling", "oversampling" }, { "problem.parts[0]", "nonlinear part" },
        { "files.measurement", "magnitudes" }, { "files.measurement", "planes" },
        { "files.mask", "missing mask" }, { "files.mask", "mask shape" }, { "files.mask", "mask empty" },
        { "files.mask", "mask channels" }, { "files.mask", "mask lines" }, { "files.mask", "mask lengths" },
        { "files.psf", "unused" }, { "files.psf", "psf sum" }, { "files.psf", "psf nan" }, { "files.psf", "psf large" },
        { "files.psf", "psf rank" }, { "files.psf", "psf complex" }, { "files.phase", "phase missing" },
        { "files.measurement", "complex image" }, { "files.measurement", "real k-space" }, { "files.measurement", "two channels" },
        { "files.measurement", "shape" }, { "files.measurement", "nan" }, { "files.measurement", "count" }, { "files.measurement", "large" },
    };

    [Theory, MemberData(nameof(Wrong))]
    public void Wrong_input_is_refused_by_the_field_that_is_wrong(string field, string what)
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        ArrayData k = new([24, 36], new float[2 * 864], true), image = Grey;
        ArrayData Of(params int[] shape) => new(shape, [.. Enumerable.Repeat(1f, shape.Aggregate(1, (a, b) => a * b))]);
        ArrayData Nan(ArrayData a) => a with { Values = [float.NaN, .. a.Values[1..]] };
        (Problem problem, ArrayData y, Dictionary<string, ArrayData> files) = what switch
        {
            "fraction" => (new Inpainting(new RandomMask(1)), image, Files()),
            "no box" => (new Inpainting(new BoxMask(0, 3)), image, Files()),
            "high box" => (new Inpainting(new BoxMask(25, 3)), image, Files()),
            "wide box" => (new Inpainting(new BoxMask(3, 37)), image, Files()),
            "low box" => (new Inpainting(new BoxMask(3, 3, 22)), image, Files()),
            "right box" => (new Inpainting(new BoxMask(3, 3, 0, 34)), image, Files()),
            "all box" => (new Inpainting(new BoxMask(24, 36)), image, Files()),
            "no mask" => (new Inpainting(null!), image, Files()),
            "factor" => ((Problem)new SuperResolution(5), image, Files()),
            "enum" => (new SuperResolution(2, (DownsamplingKernel)9), image, Files()),
            "sigma nan" => (new GaussianBlur(double.NaN), image, Files()),
            "sigma" => (new GaussianBlur(33), image, Files()),
            "size even" => (new MotionBlur(12), image, Files()),
            "seed" => (new MotionBlur(Seed: -1), image, Files()),
            "acceleration" => (new CartesianMri(new RandomKSpaceMask(0.5)), k, Files()),
            "centre" => (new CartesianMri(new EquispacedKSpaceMask(8, 0.5)), k, Files()),
            "centre lines" => (new CartesianMri(new RandomKSpaceMask(4, CentreLines: 10)), k, Files()),
            "centre twice" => (new CartesianMri(new RandomKSpaceMask(4, 0.1, CentreLines: 2)), k, Files()),
            "centre too wide" => (new CartesianMri(new EquispacedKSpaceMask(Spacing: 2, CentreLines: 37)), k, Files()),
            "spacing and acceleration" => (new CartesianMri(new EquispacedKSpaceMask(4, Spacing: 3)), k, Files()),
            "offset alone" => (new CartesianMri(new EquispacedKSpaceMask(Offset: 1)), k, Files()),
            "offset large" => (new CartesianMri(new EquispacedKSpaceMask(Spacing: 3, Offset: 3)), k, Files()),
            "partial Fourier" => (new CartesianMri(new RandomKSpaceMask(1.25, PartialFourier: 0.5)), k, Files()),
            "discs' centre" => (new CartesianMri(new PoissonDiscKSpaceMask(8, CentreFraction: 0.5)), k, Files()),
            "no centre" => (new CartesianMri(new UploadedKSpaceMask(), PhaseSource.Estimated), k, Files(("mask", new([36], [1, .. new float[35]])))),
            "angles" => (new ComputedTomography(0), image, Files()),
            "angles times pixels" => (new ComputedTomography(2048), Of(1, 2048, 200), Files()),
            "degrees" => (new ComputedTomography(24, 90, 90), image, Files()),
            "window" => (new ComputedTomography(24, Window: new HounsfieldWindow(100, 100)), image, Files()),
            "projector" => (new ComputedTomography(24, Projector: (Projector)7), image, Files()),
            "no parts" => (new Composition([]), image, Files()),
            "null part" => (new Composition([new Denoising(), null!]), image, Files()),
            "part's factor" => (new Composition([new Denoising(), new SuperResolution(5)]), image, Files()),
            "part's fraction" => (new Composition([new Denoising(), new Inpainting(new RandomMask(-1))]), image, Files()),
            "part's size" => (new Composition([new MotionBlur(12)]), image, Files()),
            "mri first" => (new Composition([new CartesianMri(new RandomKSpaceMask()), new Denoising()]), image, Files()),
            "nested" => (new Composition([new Denoising(), new Composition([new Denoising()])]), image, Files()),
            "mask twice" => (new Composition([new Inpainting(new UploadedMask()), new Inpainting(new UploadedMask())]), image, Files(("mask", Of(24, 36)))),
            "part's box" => (new Composition([new SuperResolution(2), new Inpainting(new BoxMask(25, 3))]), image, Files()),
            "part's phase" => (new Composition([new CartesianMri(new RandomKSpaceMask(), PhaseSource.Estimated)]), k, Files()),
            "part's mask" => (new Composition([new SuperResolution(2), new Inpainting(new UploadedMask())]), image, Files(("mask", Of(48, 72)))),
            "weights" => (new Colourisation((Luminance)5), image, Files()),
            "sensed height" => (new CompressedSensing(Height: 20), Of(1, 64, 64), Files()),
            "sensed width" => (new CompressedSensing(Height: 64, Width: 65), Of(1, 64, 64), Files()),
            "sensed fraction" => (new CompressedSensing(0), image, Files()),
            "cosine height" => (new CompressedSensing(0.5, SensingTransform.Cosine, 0, 24), image, Files()),
            "gain" => (new HighDynamicRange(0), image, Files()),
            "limits" => (new Clipping(0.5, 0.5), image, Files()),
            "all clipped" => (new HighDynamicRange(), Of(1, 4, 4), Files()),
            "levels" => (new Quantisation(1), image, Files()),
            "quality" => (new Jpeg(0), image, Files()),
            "jpeg size" => (new Jpeg(), image, Files()),
            "oversampling" => (new PhaseRetrieval(1.25), image, Files()),
            "nonlinear part" => (new Composition([new Jpeg()]), image, Files()),
            "magnitudes" => (new PhaseRetrieval(2), Of(1, 25, 36), Files()),
            "planes" => (new CodedDiffraction(4), Of(3, 24, 36), Files()),
            "missing mask" => (new Inpainting(new UploadedMask()), image, Files()),
            "mask shape" => (new Inpainting(new UploadedMask()), image, Files(("mask", Of(36, 24)))),
            "mask empty" => (new Inpainting(new UploadedMask()), image, Files(("mask", new([24, 36], new float[864])))),
            "mask channels" => (new Inpainting(new UploadedMask()), image, Files(("mask", new([2, 24, 36], [.. Of(24, 36).Values, .. new float[864]])))),
            "mask lines" => (new CartesianMri(new UploadedKSpaceMask()), k, Files(("mask", Of(24)))),
            "mask lengths" => (new Inpainting(new UploadedMask()), image, Files(("mask", new([24, 36], [1])))),
            "unused" => (new Denoising(), image, Files(("psf", Of(3, 3)))),
            "psf sum" => (new PointSpread(), image, Files(("psf", new([1, 2], [1, -1])))),
            "psf nan" => (new PointSpread(), image, Files(("psf", Nan(Of(3, 3))))),
            "psf large" => (new PointSpread(), image, Files(("psf", Of(512, 1)))),
            "psf rank" => (new PointSpread(), image, Files(("psf", Of(3)))),
            "psf complex" => (new PointSpread(), image, Files(("psf", new([1, 1], [1, 0], true)))),
            "phase missing" => (new CartesianMri(new RandomKSpaceMask(), PhaseSource.File), k, Files()),
            "complex image" => (new Denoising(), new ArrayData([1, 2, 2], new float[8], true), Files()),
            "real k-space" => (new CartesianMri(new RandomKSpaceMask()), Of(24, 36), Files()),
            "two channels" => (new Denoising(), Of(2, 24, 36), Files()),
            "shape" => (new Denoising(), Of(24, 36), Files()),
            "nan" => (new Denoising(), Nan(image), Files()),
            "count" => (new Denoising(), image with { Values = [1] }, Files()),
            "large" => (new SuperResolution(8), Of(1, 1, 1000), Files()),
            _ => throw new ArgumentException(what),
        };
        InvalidInputException error = Assert.Throws<InvalidInputException>(
            () => ProblemOperators.Validate(problem, ProblemOperators.ImageShape(problem, y), files, y));
        Assert.Equal(field, error.Field);
        Assert.NotEmpty(error.Message);
    }

    [Fact]
    public void Simulation_refuses_what_it_cannot_measure()
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        Refused("files.image", new SuperResolution(8), Smooth(1, 24, 36), 0);
        Refused("files.image", new CartesianMri(new RandomKSpaceMask()), Colour, 0);
        Refused("files.image", new ComputedTomography(), Grey, 0);
        Refused("files.image", new Colourisation(), Grey, 0);
        Refused("files.image", new Demosaicking(), Grey, 0);
        Refused("problem.height", new CompressedSensing(), Grey, 0);
        Refused("files.image", new PhaseRetrieval(2), Smooth(1, 9, 8), 0);
        Refused("problem.parts[1]", new Composition([new Denoising(), new ComputedTomography()]), Grey, 0);
        Refused("problem.parts[1].factor", new Composition([new SuperResolution(2), new SuperResolution(8)]), Grey, 0);
        Refused("files.image", new Denoising(), Grey with { Values = [float.NaN, .. Grey.Values[1..]] }, 0);
        Refused("files.image", new Denoising(), Grey with { Shape = [24, 36] }, 0);
        Refused("sigma", new Denoising(), Grey, -1);
        Refused("sigma", new Denoising(), Grey, double.NaN);

        void Refused(string field, Problem problem, ArrayData image, double sigma) =>
            Assert.Equal(field, Assert.Throws<InvalidInputException>(() => Reconstructor.Simulate(problem, image, Files(), sigma, 0)).Field);
    }

    [Fact]
    public void Missing_pixels_may_be_marked_by_nan()
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        var problem = new Inpainting(new BoxMask(10, 10, 0, 0));
        ArrayData y = Grey with { Values = [float.NaN, .. Grey.Values[1..]] };
        ProblemOperators.Validate(problem, [1, 24, 36], Files(), y);
        using ForwardOperator op = ProblemOperators.Create(problem, [1, 24, 36], Files(), y, torch.CPU);
        float[] measured = op.Measured(y.ToTensor(torch.CPU)).ToFloats();
        Assert.Equal(0, measured[0]);
        Assert.Equal(op.Apply(Grey.ToTensor(torch.CPU)).ToFloats(), measured);
    }
}
