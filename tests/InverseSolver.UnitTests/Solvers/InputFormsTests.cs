using InverseSolver.Diffusion;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>What is sent in another form than problems take it, or on another scale, and what is said of it.</summary>
[LeavesNoTensors]
public sealed class InputFormsTests
{
    private const int Side = 32, Plane = Side * Side;
    private static readonly Dictionary<string, ArrayData> None = [];
    private static readonly float[] Grey = Toy.Phantom(Side).Values;

    [Theory, InlineData(false), InlineData(true)]
    public void Three_equal_channels_are_solved_as_the_one_that_they_repeat(bool stack)
    {
        using GaussianModel model = Toy.Gaussian();
        ArrayData colour = new([3, Side, Side], [.. Grey, .. Grey, .. Grey]), one = Toy.Phantom(Side);
        if (stack) (colour, one) = (new([2, 3, Side, Side], [.. colour.Values, .. colour.Values]), new([2, 1, Side, Side], [.. Grey, .. Grey]));
        ReconstructionRequest suited = Reconstructor.Check(model.Info, Request(new Denoising(), colour) with { Truth = colour }).Request;
        Assert.Equal(one.Shape, suited.Measurement.Shape);
        Assert.Equal(one.Values, suited.Measurement.Values);
        Assert.Equal(one.Values, suited.Truth!.Values);
        Assert.Equal(
            ["The measurement has three equal channels, of which one is used.", "The truth has three equal channels, of which one is used."],
            suited.Warnings);
        ReconstructionResult result = Reconstructor.Run(model, suited, null, default),
            expected = Reconstructor.Run(model, Request(new Denoising(), one), null, default);
        Assert.Equal(expected.Image.Values, result.Image.Values);
        Assert.Equal(suited.Warnings, result.Warnings);
        Assert.Empty(expected.Warnings);
    }

    [Fact]
    public void Colours_are_refused_unless_their_luminance_is_asked_for()
    {
        using GaussianModel model = Toy.Gaussian();
        float[] red = [.. Enumerable.Repeat(0.8f, Plane)], green = [.. Enumerable.Repeat(0.4f, Plane)];
        ReconstructionRequest request = Request(new Denoising(), new([3, Side, Side], [.. red, .. green, .. Grey]));
        InvalidInputException error = Assert.Throws<InvalidInputException>(() => Reconstructor.Check(model.Info, request));
        Assert.Equal("files.measurement", error.Field);
        Assert.Contains("luminance", error.Message, StringComparison.Ordinal);
        ReconstructionRequest suited = Reconstructor.Check(model.Info, request with { Luminance = true }).Request;
        Assert.Equal([1, Side, Side], suited.Measurement.Shape);
        for (int i = 0; i < Plane; i++) Assert.Equal((0.299 * 0.8) + (0.587 * 0.4) + (0.114 * Grey[i]), suited.Measurement.Values[i], 1e-6);
        Assert.Contains("luminance", Assert.Single(suited.Warnings), StringComparison.Ordinal);

        // Two steps of 255 apart, as lossy files leave them.
        float[] near = [.. Grey.Select(value => value + (2f / 255))];
        Assert.Contains(
            "differ by at most 0.0078",
            Assert.Single(
                Reconstructor.Check(model.Info, Request(new Denoising(), new([3, Side, Side], [.. Grey, .. near, .. Grey]))).Request.Warnings),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_of_colours_keeps_them()
    {
        using var model = new GaussianModel((_, _) => 0.1, channels: 3);
        ArrayData colour = new([3, Side, Side], [.. Grey, .. Grey, .. Grey]);
        ReconstructionRequest suited = Reconstructor.Check(model.Info, Request(new Denoising(), colour)).Request;
        Assert.Equal([3, Side, Side], suited.Measurement.Shape);
        // What is to be coloured is grey, whatever file it comes in; the truth has colours.
        suited = Reconstructor.Check(model.Info, Request(new Colourisation(), colour) with { Truth = colour }).Request;
        Assert.Equal([1, Side, Side], suited.Measurement.Shape);
        Assert.Equal([3, Side, Side], suited.Truth!.Shape);
    }

    [Fact]
    public void An_MR_image_to_be_measured_may_be_grey_in_three_channels()
    {
        var problem = new CartesianMri(new EquispacedKSpaceMask());
        ArrayData one = Toy.Phantom(Side), three = new([3, Side, Side], [.. Grey, .. Grey, .. Grey]);
        Assert.Equal(
            Reconstructor.Simulate(problem, one, None, 0, 1).Measurement.Values,
            Reconstructor.Simulate(problem, three, None, 0, 1).Measurement.Values);
        float[] red = [.. Enumerable.Repeat(1f, Plane)];
        Assert.Equal(
            "files.image",
            Assert.Throws<InvalidInputException>(
                () => Reconstructor.Simulate(problem, new([3, Side, Side], [.. red, .. Grey, .. Grey]), None, 0, 1)).Field);
    }

    /// <summary>Shapes and values of the same mask: two of three columns are measured.</summary>
    public static TheoryData<string, int[], float, string?> Masks => new()
    {
        { "0 and 1", [Side, Side], 1, null },
        { "255", [Side, Side], 255, null },
        { "bytes 0 and 1", [Side, Side], 1f / 255, "0 and 0.00392" },
        { "words 0 and 1", [Side, Side], 1f / 65535, "0 and 1.53e-05" },
        { "(1,H,W)", [1, Side, Side], 1, null },
        { "(1,1,H,W)", [1, 1, Side, Side], 1, null },
        { "(1,1,1,H,W)", [1, 1, 1, Side, Side], 0.25f, "0 and 0.25" },
    };

    [Theory, MemberData(nameof(Masks))]
    public void The_same_mask_in_other_shapes_and_numbers_measures_the_same(string what, int[] shape, float white, string? said)
    {
        _ = what;
        using GaussianModel model = Toy.Gaussian();
        float[] measured = [.. Enumerable.Range(0, Plane).Select(i => i % 3 == 0 ? 0f : 1f)];
        ReconstructionRequest request = Request(new Inpainting(new UploadedMask()), Toy.Phantom(Side)) with
        {
            Files = new Dictionary<string, ArrayData> { ["mask"] = new(shape, Array.ConvertAll(measured, value => value * white)) },
        };
        ReconstructionResult result = Reconstructor.Run(model, request, null, default);
        Assert.Equal([1, Side, Side], result.Mask!.Shape);
        Assert.Equal(measured, result.Mask.Values);
        Assert.Equal(measured.Count(value => value > 0), result.Consistency.MeasuredComponents);
        if (said is null) Assert.Empty(result.Warnings);
        else Assert.Contains(said, Assert.Single(result.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_takes_what_the_check_found_and_looks_at_no_file_again()
    {
        using GaussianModel model = Toy.Gaussian();
        float[] mask = [.. Enumerable.Range(0, Plane).Select(i => i % 3 == 0 ? 0f : 1f)];
        ReconstructionRequest request = Request(new Inpainting(new UploadedMask()), Toy.Phantom(Side)) with
        {
            Files = new Dictionary<string, ArrayData> { ["mask"] = new([Side, Side], mask) },
        };
        CheckedReconstruction valid = Reconstructor.Check(model.Info, request);
        Array.Fill(mask, float.NaN);
        ReconstructionResult result = Reconstructor.Run(model, valid, null, default);
        Assert.Equal(Plane - ((Plane + 2) / 3), result.Consistency.MeasuredComponents);
        Assert.Same(valid.Mask, result.Mask);
        Assert.Equal(valid.Warnings, result.Warnings);
    }

    [Fact]
    public void A_mask_of_many_dark_greys_is_none()
    {
        using GaussianModel model = Toy.Gaussian();
        ReconstructionRequest request = Request(new Inpainting(new UploadedMask()), Toy.Phantom(Side)) with
        {
            Files = new Dictionary<string, ArrayData>
            {
                ["mask"] = new([Side, Side], [.. Enumerable.Range(0, Plane).Select(i => i % 40 / 100f)]),
            },
        };
        Assert.Equal("files.mask", Assert.Throws<InvalidInputException>(() => Reconstructor.Check(model.Info, request)).Field);
    }

    [Theory]
    [InlineData(32), InlineData(1, 32), InlineData(1, 32, 1), InlineData(1, 1, 32, 1)]
    public void Lines_of_k_space_are_known_by_their_number(params int[] shape)
    {
        using GaussianModel model = Toy.Gaussian();
        float[] lines = [.. Enumerable.Range(0, Side).Select(i => i % 2 == 0 || Math.Abs(i - 16) < 5 ? 1f : 0f)];
        var files = new Dictionary<string, ArrayData> { ["mask"] = new(shape, lines) };
        ArrayData wide = new([1, 16, Side], Grey[..(16 * Side)]);
        var problem = new CartesianMri(new UploadedKSpaceMask());
        ReconstructionRequest request = Request(problem, Reconstructor.Simulate(problem, wide, files, 0, 1).Measurement) with { Files = files };
        ReconstructionResult result = Reconstructor.Run(model, request, null, default);
        Assert.Equal([1, 16, Side], result.Mask!.Shape);
        Assert.Equal([.. Enumerable.Repeat(lines, 16).SelectMany(row => row)], result.Mask.Values);
    }

    [Fact]
    public void A_mask_that_leaves_nothing_out_or_is_inverted_is_told_of()
    {
        using GaussianModel model = Toy.Gaussian();
        float[] half = [.. Enumerable.Range(0, Plane).Select(i => i < Plane / 2 ? 1f : 0f)], image = [.. Grey.Select((value, i) => half[i] * (0.2f + value))];
        Assert.Contains("leaves nothing out", Said([.. Enumerable.Repeat(1f, Plane)]), StringComparison.Ordinal);
        Assert.Contains("inverted", Said([.. half.Select(value => 1 - value)]), StringComparison.Ordinal);
        Assert.Null(Said(half));

        string? Said(float[] mask) => Reconstructor.Check(model.Info, Request(new Inpainting(new UploadedMask()), new([1, Side, Side], image)) with
        {
            Files = new Dictionary<string, ArrayData> { ["mask"] = new([Side, Side], mask) },
        }).Request.Warnings.SingleOrDefault();
    }

    [Fact]
    public void A_mask_of_k_space_that_counts_zeros_as_measured_is_told_of()
    {
        using GaussianModel model = Toy.Gaussian();
        float[] lines = [.. Enumerable.Range(0, Side).Select(i => i % 4 == 0 || Math.Abs(i - 16) < 5 ? 1f : 0f)];
        var problem = new CartesianMri(new UploadedKSpaceMask());
        ArrayData measured = Reconstructor.Simulate(
            problem,
            new([1, Side, Side], Grey),
            new Dictionary<string, ArrayData> { ["mask"] = new([Side], lines) },
            0, 1).Measurement;
        Assert.Empty(Suited(new([Side], lines)).Warnings);
        // In the order of an FFT without a shift.
        float[] corner = [.. lines[16..], .. lines[..16]];
        Assert.Contains("k-space is 0 in ", Assert.Single(Suited(new([Side], corner)).Warnings), StringComparison.Ordinal);
        Assert.Equal("files.mask", Assert.Throws<InvalidInputException>(() => Suited(new([Side, 1], lines))).Field);

        ReconstructionRequest Suited(ArrayData mask) =>
            Reconstructor.Check(model.Info, Request(problem, measured) with { Files = new Dictionary<string, ArrayData> { ["mask"] = mask } }).Request;
    }

    [Fact]
    public void Frames_with_masks_of_their_own_show_all_of_them()
    {
        using GaussianModel model = Toy.Gaussian();
        float[] masks = [.. Enumerable.Range(0, 2 * Plane).Select(i => i % Plane % 3 == i / Plane ? 0f : 1f)];
        ReconstructionRequest request = Request(new Inpainting(new UploadedMask()), new([2, 1, Side, Side], [.. Grey, .. Grey])) with
        {
            Files = new Dictionary<string, ArrayData> { ["mask"] = new([2, 1, Side, Side], masks) },
        };
        ReconstructionResult result = Reconstructor.Run(model, request, null, default);
        Assert.Equal([2, 1, Side, Side], result.Mask!.Shape);
        Assert.Equal(masks, result.Mask.Values);
        Assert.Null(Reconstructor.Run(model, Request(new Denoising(), Toy.Phantom(Side)), null, default).Mask);
    }

    /// <remarks>The phantom's values lie on [0,1]; noise of sigma 0.05 takes them beyond by no more than it explains.</remarks>
    [Theory]
    [InlineData(2, -1, 0, "from -1 to 1; an image on [0,1] is assumed", "(x + 1) / 2")]
    [InlineData(2, -1, 0.05, "an image on [0,1] is assumed", "(x + 1) / 2")]
    [InlineData(2, 0, 0, "from 0 to 2", "divide it by what is")]
    [InlineData(4, -2, 0.05, "an image on [0,1] is assumed", "Subtract")]
    [InlineData(0.0625, 0, 0, "from 0 to 0.0625", "12 bits")]
    [InlineData(1, 0, 0, null, null)]
    [InlineData(1, 0, 0.05, null, null)]
    [InlineData(1, 0, 0.5, null, null)]
    [InlineData(0.3, 0, 0, null, null)]
    public void Values_off_the_scale_of_0_to_1_are_told_with_what_is_assumed(double scale, double offset, double sigma, string? range, string? remedy)
    {
        using GaussianModel model = Toy.Gaussian();
        using var scope = torch.NewDisposeScope();
        using var generator = new Generator(3);
        float[] noise = torch.randn([Plane], generator).ToFloats();
        // Of exactly 0 to 1.
        float[] values = [.. Grey.Select((value, i) => (float)((Math.Clamp(value / Grey.Max(), 0, 1) * scale) + offset + (sigma * noise[i])))];
        ReconstructionRequest request = Request(new Denoising(), new([1, Side, Side], values)) with { Sigma = sigma };
        IReadOnlyList<string> said = Reconstructor.Check(model.Info, request).Warnings;
        if (range is null)
        {
            Assert.Empty(said);
            return;
        }

        Assert.Contains(range, Assert.Single(said), StringComparison.Ordinal);
        Assert.Contains(remedy!, said[0], StringComparison.Ordinal);
        Assert.Equal(said, Reconstructor.Run(model, request, null, default).Warnings);
    }

    [Fact]
    public void What_was_not_measured_may_hold_anything()
    {
        using GaussianModel model = Toy.Gaussian();
        float[] mask = [.. Enumerable.Range(0, Plane).Select(i => i % 2 == 0 ? 1f : 0f)], values = [.. Grey.Select((value, i) => mask[i] == 0 ? -1 : value)];
        ReconstructionRequest request = Request(new Inpainting(new UploadedMask()), new([1, Side, Side], values)) with
        {
            Files = new Dictionary<string, ArrayData> { ["mask"] = new([Side, Side], mask) },
        };
        Assert.Empty(Reconstructor.Check(model.Info, request).Warnings);
    }

    [Theory, InlineData(1, null), InlineData(6, "root mean square"), InlineData(1e-4, "root mean square")]
    public void K_space_of_an_image_off_the_scale_is_told_by_its_energy(double scale, string? word)
    {
        using GaussianModel model = Toy.Gaussian();
        var problem = new CartesianMri(new EquispacedKSpaceMask());
        ArrayData y = Reconstructor.Simulate(problem, Toy.Phantom(Side), None, 0.01, 1).Measurement;
        IReadOnlyList<string> said = Reconstructor.Check(
            model.Info,
            Request(problem, y with { Values = Array.ConvertAll(y.Values, value => (float)(value * scale)) }))
            .Warnings;
        if (word is null) Assert.Empty(said);
        else Assert.Contains(word, Assert.Single(said), StringComparison.Ordinal);
    }

    [Fact]
    public void A_truth_off_the_scale_is_told_too()
    {
        using GaussianModel model = Toy.Gaussian();
        ReconstructionRequest request = Request(new Denoising(), Toy.Phantom(Side)) with
        {
            Truth = new([1, Side, Side], Array.ConvertAll(Grey, value => (2 * value) - 1)),
        };
        Assert.Contains("The truth's values lie from -1", Assert.Single(Reconstructor.Check(model.Info, request).Warnings), StringComparison.Ordinal);
    }

    private static ReconstructionRequest Request(Problem problem, ArrayData measurement) => new()
    {
        Problem = problem,
        Measurement = measurement,
        Sigma = 0.01,
        Solver = SolverCatalog.Resolve("adjoint", "fast", null),
        Seed = 1,
    };
}
