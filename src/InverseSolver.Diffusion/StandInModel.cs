using InverseSolver.Diffusion.Schedules;

namespace InverseSolver.Diffusion;

/// <summary>
/// A model of the shapes of another whose networks cost next to nothing: what a solver does beside them can be timed on it. Its decoder enlarges the mean of
/// the latent's channels, its encoder shrinks the image, and its denoiser is that of latents whose pixels are independent and of variance 1.
/// </summary>
public sealed class StandInModel : LatentModel
{
    /// <summary>Stands in for a model.</summary>
    /// <param name="info">Its description.</param>
    /// <param name="device">The device to compute on.</param>
    public StandInModel(ModelInfo info, Device device)
        : base((info.Noise ?? NoiseSchedule.FromBetas([.. Enumerable.Range(0, info.TrainTimesteps).Select(_ => 10.0 / info.TrainTimesteps)])).AlphasCumprod) =>
        (Info, Device) = (info, device);

    /// <inheritdoc/>
    public override ModelInfo Info { get; }

    /// <inheritdoc/>
    public override Device Device { get; }

    /// <summary>Calls of the denoiser.</summary>
    public int Predictions { get; private set; }

    /// <summary>Calls of the encoder.</summary>
    public int Encodings { get; private set; }

    /// <inheritdoc/>
    public override Tensor PredictNoise(Tensor z, Tensor t, Tensor? conditioning = null)
    {
        Predictions++;
        return z * Gain(t);
    }

    /// <inheritdoc/>
    public override Tensor ConsistencyFunction(Tensor z, double sigma)
    {
        Predictions++;
        return z / Math.Sqrt(1 + sigma * sigma);
    }

    /// <inheritdoc/>
    public override (Tensor Noise, Tensor Gradient) PredictNoiseVjp(Tensor z, Tensor t, Func<Tensor, Tensor> cotangent)
    {
        double gain = Gain(t);
        return Without(() => z * gain, cotangent, w => w * gain);
    }

    /// <inheritdoc/>
    public override (Tensor Decoded, Tensor Gradient) DecodeVjp(Tensor z, int height, int width, Func<Tensor, Tensor> cotangent) =>
        Without(() => Decode(z, height, width), cotangent, w => EncodeCore(ImagePadding.Pad(w, SizeMultiple)));

    /// <inheritdoc/>
    public override (Tensor Encoded, Tensor Gradient) EncodeVjp(Tensor x, Func<Tensor, Tensor> cotangent) =>
        Without(() => Encode(x), cotangent, w => ImagePadding.Crop(DecodeCore(w), (int)x.size(2), (int)x.size(3)).clone());

    internal override Tensor EncodeCore(Tensor x)
    {
        Encodings++;
        long down = Info.LatentDownsampling;
        Tensor small = down == 1 ? x : x.reshape(x.size(0), x.size(1), x.size(2) / down, down, x.size(3) / down, down).mean([3, 5]);
        return small.mean([1], keepdim: true).repeat([1, Info.LatentChannels, 1, 1]);
    }

    internal override Tensor DecodeCore(Tensor z)
    {
        long down = Info.LatentDownsampling;
        Tensor one = z.mean([1], keepdim: true);
        Tensor large = one.unsqueeze(3).unsqueeze(5).repeat([1, 1, 1, down, 1, down]).reshape(z.size(0), 1, z.size(2) * down, z.size(3) * down);
        return large.repeat([1, Channels, 1, 1]) * 0.5;
    }

    private static (Tensor, Tensor) Without(Func<Tensor> forward, Func<Tensor, Tensor> cotangent, Func<Tensor, Tensor> backward)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        Tensor value = forward();
        return (value.MoveToOuterDisposeScope(), backward(cotangent(value)).MoveToOuterDisposeScope());
    }

    // ε(z) = √(1-ᾱ) z where z is standard normal at every level.
    private double Gain(Tensor t) => Math.Sqrt(1 - AlphasCumprod[(int)t.ToLongs()[0]]);
}
