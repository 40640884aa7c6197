using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>Missing pixels: y = mask * x. The same pixels are missing in all channels.</summary>
/// <param name="Mask">The measured pixels.</param>
public sealed record Inpainting([property: Required] PixelMask Mask) : Problem
{
    private static readonly Recommendation Box = new("daps", "dcdp", "No solver knows what stood in the hole; ReSample as published is weak at it.");

    internal static ProblemDescription Description { get; } = new(
        "inpainting",
        new("redDiff", "diffPir",
            "Where a large region is missing (the mask 'box') it is 'daps', and no solver knows what stood there; ReSample as published is weak at it."),
        """{"mask":{"type":"box","height":32,"width":32}}""")
    {
        Standard = new Dictionary<string, Func<long, Problem>>
        {
            ["randomInpainting"] = seed => new Inpainting(new RandomMask(0.7, seed)),
            ["boxInpainting"] = _ => new Inpainting(new BoxMask(48, 48)),
        },
    };

    internal override bool IsImage => true;

    internal override IReadOnlyList<string> Files => Mask is UploadedMask ? ["mask"] : [];

    internal override Recommendation Recommendation => Mask is BoxMask ? Box : base.Recommendation;

    internal override OperatorArrays Arrays(ProblemInputs inputs)
    {
        (long height, long width) = (inputs.Image[1], inputs.Image[2]);
        string field = $"{inputs.Field}.mask";
        bool[] mask = Mask switch
        {
            BoxMask box => box.Draw(height, width, field),
            RandomMask random => Masks.Random(height, width, random.Fraction, random.Seed),
            _ => Array.ConvertAll(ProblemChecks.Plane(inputs.Files["mask"], "files.mask", height, width), value => value > 0.5f),
        };
        return new(Mask: ProblemChecks.SomethingMeasured(mask, Mask is UploadedMask ? "files.mask" : field));
    }

    internal override IEnumerable<(string Name, ArrayData Array)> Drawn(long[] image, OperatorArrays arrays) =>
        Mask is UploadedMask ? [] : [("mask", ProblemChecks.MaskImage(image, arrays.Mask!))];

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        new MaskOperator(image[0], image[1], image[2], arrays.Mask!, device);
}

/// <summary>The measured pixels of an image.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(UploadedMask), "file")]
[JsonDerivedType(typeof(BoxMask), "box")]
[JsonDerivedType(typeof(RandomMask), "random")]
public abstract record PixelMask;

/// <summary>
/// The mask is the uploaded file <c>mask</c>: an image or .npy of the measurement's height and width, white (values above 0.5) was measured, black is missing.
/// </summary>
public sealed record UploadedMask : PixelMask;

/// <summary>A rectangle is missing.</summary>
/// <param name="Height">Rows missing.</param>
/// <param name="Width">Columns missing.</param>
/// <param name="Top">First missing row; the box is centred when it is absent.</param>
/// <param name="Left">First missing column; the box is centred when it is absent.</param>
public sealed record BoxMask(
    [property: Range(1, 16384)] int Height,
    [property: Range(1, 16384)] int Width,
    [property: Range(0, 16384)] int? Top = null,
    [property: Range(0, 16384)] int? Left = null) : PixelMask
{
    internal bool[] Draw(long height, long width, string field)
    {
        (long top, long left) = (Top ?? (height - Height) / 2, Left ?? (width - Width) / 2);
        if (Height > height) throw new InvalidInputException($"{field}.height", $"The image has {height} rows, the box {Height}.");
        if (Width > width) throw new InvalidInputException($"{field}.width", $"The image has {width} columns, the box {Width}.");
        if (top + Height > height) throw new InvalidInputException($"{field}.top", $"The box ends at row {top + Height} of {height}.");
        if (left + Width > width) throw new InvalidInputException($"{field}.left", $"The box ends at column {left + Width} of {width}.");
        return Masks.Box(height, width, top, left, Height, Width);
    }
}

/// <summary>Pixels are missing at random positions.</summary>
/// <param name="Fraction">Share of the pixels that is missing.</param>
/// <param name="Seed">Seed of the positions.</param>
public sealed record RandomMask(
    [property: Range(0.0, 0.999)] double Fraction = 0.7,
    [property: Range(0, long.MaxValue, ErrorMessage = "It is a whole number from 0 to 9223372036854775807.")] long Seed = 0) : PixelMask;

/// <summary>y = mask · x, the same pixels in all channels: inpainting, and denoising where everything is measured.</summary>
public sealed class MaskOperator : LinearOperator
{
    private readonly Tensor _mask;      // (1, 1, height, width), 1 where measured
    private readonly Tensor _measured;  // the same as bool
    private readonly Tensor _zero;

    /// <summary>Pixels are missing where the mask is false.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="mask">Row-major, height · width; true where measured.</param>
    /// <param name="device">Where it computes.</param>
    public MaskOperator(long channels, long height, long width, bool[] mask, Device device)
        : this("inpainting", [channels, height, width], mask, device)
    {
    }

    private MaskOperator(string name, long[] shape, bool[] mask, Device device)
        : base(name, shape, shape, shape[0] * mask.LongCount(m => m))
    {
        using var scope = torch.NewDisposeScope();
        float[] values = Array.ConvertAll(mask, m => m ? 1f : 0f);
        _mask = Own(torch.copy_of(values, [1, 1, shape[1], shape[2]]).to(device));
        _measured = Own(_mask.gt(0.5));
        _zero = Own(torch.zeros([1], ScalarType.Float32, device));
    }

    /// <summary>y = x.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="device">Where it computes.</param>
    public static MaskOperator Denoising(long channels, long height, long width, Device device)
    {
        var all = new bool[height * width];
        Array.Fill(all, true);
        return new MaskOperator("denoising", [channels, height, width], all, device);
    }

    internal override double? RowPower => 1;

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => x * _mask;

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) => y * _mask;

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) =>
        rho == 0 ? torch.where(_measured, y, x0) : (y + x0 * rho) / (_mask + rho);

    /// <inheritdoc/>
    protected override Tensor MeasuredCore(Tensor y) => torch.where(_measured, y, _zero);

    private protected override Tensor IdealCore(Tensor x) => x.clone();
}
