using InverseSolver.Diffusion.Networks;

namespace InverseSolver.Diffusion.Backends;

/// <summary>A denoiser in a file.</summary>
internal sealed class FileDenoiser : Denoiser
{
    private const int ContextLength = 77;
    private readonly NetworkFile file;
    private readonly bool classes;

    /// <summary>Takes over the file, and tries it on latents of the smallest size.</summary>
    /// <exception cref="InvalidModelException">The file does not conform to its description; the caller still owns it.</exception>
    internal FileDenoiser(NetworkFile file, DenoiserShape shape)
    {
        this.file = file;
        (InChannels, OutChannels, SizeMultiple, ContextChannels, classes) = (
            shape.InChannels, shape.OutChannels, shape.SizeMultiple, shape.ContextChannels, shape.NeedsClassLabels);
        using DisposeScope scope = torch.NewDisposeScope();
        (long height, long width) = shape.FixedSize ?? (shape.SizeMultiple, shape.SizeMultiple);
        file.Check(
            (
                torch.zeros([2, InChannels, height, width], ScalarType.Float32, file.Device),
                torch.ones([2], ScalarType.Int64, file.Device),
                ContextChannels is { } context ? torch.zeros([2, ContextLength, context], ScalarType.Float32, file.Device) : null,
                classes ? torch.zeros([2], ScalarType.Int64, file.Device) : null),
            [2, OutChannels, height, width]);
    }

    public override bool NeedsClassLabels => classes;

    public override Device Device => file.Device;

    public override long WeightBytes => file.Bytes;

    /// <summary>The file's element type.</summary>
    internal ScalarType Type => file.Type;

    private protected override Tensor ForwardCore(Tensor sample, Tensor t, Tensor? context, Tensor? classLabels) => file.Run(sample, t, context, classLabels);

    private protected override void DisposeCore() => file.Dispose();
}
