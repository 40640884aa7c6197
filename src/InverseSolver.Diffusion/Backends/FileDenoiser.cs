using InverseSolver.Diffusion.Networks;

namespace InverseSolver.Diffusion.Backends;

/// <summary>A denoiser in a file.</summary>
internal sealed class FileDenoiser : Denoiser
{
    private const int ContextLength = 77;
    private readonly NetworkFile _file;
    private readonly bool _classes;

    /// <summary>Takes over the file, and tries it on latents of the smallest size.</summary>
    /// <exception cref="InvalidModelException">The file does not conform to its description; the caller still owns it.</exception>
    internal FileDenoiser(NetworkFile file, DenoiserShape shape)
    {
        _file = file;
        (InChannels, OutChannels, SizeMultiple, ContextChannels, _classes) = (
            shape.InChannels, shape.OutChannels, shape.SizeMultiple, shape.ContextChannels, shape.NeedsClassLabels);
        using DisposeScope scope = torch.NewDisposeScope();
        (long height, long width) = shape.FixedSize ?? (shape.SizeMultiple, shape.SizeMultiple);
        file.Check(
            (
                torch.zeros([2, InChannels, height, width], ScalarType.Float32, file.Device),
                torch.ones([2], ScalarType.Int64, file.Device),
                ContextChannels is { } context ? torch.zeros([2, ContextLength, context], ScalarType.Float32, file.Device) : null,
                _classes ? torch.zeros([2], ScalarType.Int64, file.Device) : null),
            [2, OutChannels, height, width]);
    }

    public override bool NeedsClassLabels => _classes;

    public override Device Device => _file.Device;

    public override long WeightBytes => _file.Bytes;

    /// <summary>The file's element type.</summary>
    internal ScalarType Type => _file.Type;

    private protected override Tensor ForwardCore(Tensor sample, Tensor t, Tensor? context, Tensor? classLabels) => _file.Run(sample, t, context, classLabels);

    private protected override void DisposeCore() => _file.Dispose();
}
