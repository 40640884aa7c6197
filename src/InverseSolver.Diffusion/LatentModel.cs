using InverseSolver.Diffusion.Schedules;

namespace InverseSolver.Diffusion;

/// <summary>
/// A pretrained latent diffusion model in one convention. Images are (N, C, H, W), float32, in [0,1]; latents are (N, c, h, w) in the space that the
/// denoiser lives in, scaling factor included. Nobody else knows value ranges, scaling factors or quantisers.
/// Any height and width will do: images are mirrored outward, evenly on both sides, up to <see cref="SizeMultiple"/>, and decoded images are cropped back.
/// Gradients are recorded where the caller has them enabled and an argument asks for them. Safe for use by several threads.
/// </summary>
public abstract class LatentModel : IDisposable
{
    // A timestep without any signal (zero terminal SNR) would have no clean estimate to divide out; this is as diffusers' samplers do it.
    private const double LeastAlphaCumprod = 1.0 / (1 << 24);

    private readonly double[] _alphasCumprod;

    private protected LatentModel(ReadOnlySpan<double> alphasCumprod) =>
        _alphasCumprod = [.. alphasCumprod.ToArray().Select(a => Math.Max(a, LeastAlphaCumprod))];

    /// <summary>Properties of the model.</summary>
    public abstract ModelInfo Info { get; }

    /// <summary>Channels of the image.</summary>
    public int Channels => Info.Channels;

    /// <summary>Images are padded up to multiples of this.</summary>
    public int SizeMultiple => Info.SizeMultiple;

    /// <summary>The device that it computes on; arguments must be there.</summary>
    public abstract Device Device { get; }

    /// <summary>Bytes of its weights on <see cref="Device"/>.</summary>
    public virtual long WeightBytes => 0;

    /// <summary>ᾱ of each training timestep, in float64, at least 2⁻²⁴.</summary>
    public ReadOnlySpan<double> AlphasCumprod => _alphasCumprod;

    /// <summary>(c, h, w) of the latent of an image of that size, padding included.</summary>
    public long[] LatentShape(int height, int width) =>
    [
        Info.LatentChannels,
        ImagePadding.Padded(height, SizeMultiple) / Info.LatentDownsampling,
        ImagePadding.Padded(width, SizeMultiple) / Info.LatentDownsampling,
    ];

    /// <summary>The latent of an image: the mean where the encoder gives a distribution, and before quantisation where there is a codebook.</summary>
    /// <param name="x">(N, C, H, W) in [0,1].</param>
    /// <returns>(N, c, h, w).</returns>
    public Tensor Encode(Tensor x)
    {
        CheckImage(x);
        using DisposeScope scope = torch.NewDisposeScope();
        return EncodeCore(Padded(x)).MoveToOuterDisposeScope();
    }

    /// <summary>The image of a latent, not clamped.</summary>
    /// <param name="z">(N, c, h, w) of <see cref="LatentShape"/>.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <returns>(N, C, height, width), in [0,1] apart from overshoots of the decoder.</returns>
    public Tensor Decode(Tensor z, int height, int width)
    {
        CheckLatent(z, height, width);
        using DisposeScope scope = torch.NewDisposeScope();
        return Image(DecodeCore(z), height, width).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// One decode and one backward pass: the decoded image and Jᵀ w, where J is the decoder's Jacobian at z and w is chosen after the image is known.
    /// </summary>
    /// <param name="z">(N, c, h, w).</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="cotangent">Gets the decoded image, without a gradient, and gives w of its shape. It runs without recording gradients.</param>
    /// <returns>The decoded image and the gradient, shaped as z; both without a gradient of their own.</returns>
    /// <exception cref="NotSupportedException">The network gives no gradients (<see cref="ModelInfo.Gradients"/>).</exception>
    public virtual (Tensor Decoded, Tensor Gradient) DecodeVjp(Tensor z, int height, int width, Func<Tensor, Tensor> cotangent) =>
        Vjp(leaf => Decode(leaf, height, width), z, cotangent, Info.Gradients.Decoder, "decoder");

    /// <summary>One encode and one backward pass: the latent and Jᵀ w, where J is the encoder's Jacobian at x.</summary>
    /// <param name="x">(N, C, H, W) in [0,1].</param>
    /// <param name="cotangent">Gets the latent and gives w of its shape; without recording gradients.</param>
    /// <returns>The latent and the gradient, shaped as x; both without a gradient of their own.</returns>
    /// <exception cref="NotSupportedException">The network gives no gradients (<see cref="ModelInfo.Gradients"/>).</exception>
    public virtual (Tensor Encoded, Tensor Gradient) EncodeVjp(Tensor x, Func<Tensor, Tensor> cotangent) =>
        Vjp(Encode, x, cotangent, Info.Gradients.Encoder, "encoder");

    /// <summary>One noise prediction and one backward pass: ε and Jᵀ w, where J is ε's Jacobian by z.</summary>
    /// <param name="z">(N, c, h, w).</param>
    /// <param name="t">Training timesteps, int64 (N) or (1).</param>
    /// <param name="cotangent">Gets ε and gives w of its shape; without recording gradients.</param>
    /// <returns>ε and the gradient, shaped as z; both without a gradient of their own.</returns>
    /// <exception cref="NotSupportedException">The network gives no gradients (<see cref="ModelInfo.Gradients"/>).</exception>
    public virtual (Tensor Noise, Tensor Gradient) PredictNoiseVjp(Tensor z, Tensor t, Func<Tensor, Tensor> cotangent) =>
        Vjp(leaf => PredictNoise(leaf, t), z, cotangent, Info.Gradients.Denoiser, "denoiser");

    /// <summary>The noise in a latent, whatever the network itself predicts.</summary>
    /// <param name="z">(N, c, h, w).</param>
    /// <param name="t">Training timesteps, int64 (N) or (1), in [0, <see cref="ModelInfo.TrainTimesteps"/>).</param>
    /// <param name="conditioning">
    /// Context (N, L, D), or class labels (N), of a conditional model, without guidance. Null: the condition stored with the model
    /// (<see cref="ModelInfo.Conditioning"/>), with its guidance.
    /// </param>
    /// <returns>ε, shaped as z.</returns>
    /// <exception cref="ArgumentException">A shape does not fit, or a conditional model that stores no conditioning was given none.</exception>
    public abstract Tensor PredictNoise(Tensor z, Tensor t, Tensor? conditioning = null);

    /// <summary>True where the model has a consistency model, which <see cref="ConsistencyFunction"/> needs.</summary>
    public bool HasConsistencyNetwork => Info.HasConsistencyNetwork;

    /// <summary>
    /// The clean latent at the end of the probability-flow path through a noisy one, by one network call (Song, Dhariwal, Chen, Sutskever, "Consistency
    /// Models", 2023). The noise is added without shrinking the signal: z = z₀ + σ ε.
    /// </summary>
    /// <param name="z">(N, c, h, w).</param>
    /// <param name="sigma">σ above 0, the same for all items, in the latent's units.</param>
    /// <returns>f(z, σ), shaped as z.</returns>
    /// <exception cref="NotSupportedException">The model has no consistency network.</exception>
    public virtual Tensor ConsistencyFunction(Tensor z, double sigma) => throw new NotSupportedException($"The model '{Info.Id}' has no consistency network.");

    /// <summary>The latent at a timestep: √ᾱ z₀ + √(1−ᾱ) ε.</summary>
    /// <param name="z0">(N, c, h, w).</param>
    /// <param name="noise">ε, standard normal, shaped as z0.</param>
    /// <param name="t">Training timesteps, int64 (N) or (1).</param>
    public Tensor AddNoise(Tensor z0, Tensor noise, Tensor t)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return LevelsOf(t).AddNoise(z0, noise).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        DisposeCore();
        GC.SuppressFinalize(this);
    }

    /// <summary>Padded image in [-1,1] to scaled latent.</summary>
    internal abstract Tensor EncodeCore(Tensor x);

    /// <summary>Scaled latent to padded image in [-1,1].</summary>
    internal abstract Tensor DecodeCore(Tensor z);

    private protected virtual void DisposeCore()
    {
    }

    private protected DiffusionLevels LevelsOf(Tensor t) => new(AlphasCumprodOf(t));

    /// <summary>ᾱ of each item, (N, 1, 1, 1), in float64 on the host.</summary>
    private protected Tensor AlphasCumprodOf(Tensor t)
    {
        long[] steps = t.ToLongs();
        if (steps.FirstOrDefault(s => s < 0 || s >= _alphasCumprod.Length, -1) is var bad && steps.Any(s => s < 0 || s >= _alphasCumprod.Length))
        {
            throw new ArgumentException($"Timestep {bad} lies outside 0..{_alphasCumprod.Length - 1}.", nameof(t));
        }

        return torch.copy_of([.. steps.Select(s => _alphasCumprod[s])], steps.Length, 1, 1, 1);
    }

    /// <summary>The encoder's input for an image: padded, on [-1,1].</summary>
    private protected Tensor Padded(Tensor x) => ImagePadding.Pad(x, SizeMultiple) * 2.0 - 1.0;

    /// <summary>Crops the decoder's output to the image.</summary>
    private protected static Tensor Image(Tensor padded, int height, int width) => (ImagePadding.Crop(padded, height, width) + 1.0) * 0.5;

    private (Tensor Value, Tensor Gradient) Vjp(Func<Tensor, Tensor> function, Tensor at, Func<Tensor, Tensor> cotangent, bool possible, string network)
    {
        RequireGradient(possible, network);
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor leaf = at.detach().requires_grad_();
        Tensor result;
        using (torch.enable_grad())
        {
            result = function(leaf);
        }

        using (torch.no_grad())
        {
            Tensor value = result.detach();
            Tensor gradient = torch.autograd.vjp(result, leaf, cotangent(value));
            return (value.MoveToOuterDisposeScope(), gradient.MoveToOuterDisposeScope());
        }
    }

    private protected void RequireGradient(bool possible, string network)
    {
        if (!possible)
        {
            throw new NotSupportedException($"The {network} of the model '{Info.Id}' gives no gradients.");
        }
    }

    private protected void CheckImage(Tensor x)
    {
        if (x.dim() != 4 || x.size(1) != Channels)
        {
            throw new ArgumentException($"The model takes images (N, {Channels}, H, W), not ({string.Join(", ", x.shape)}).", nameof(x));
        }
    }

    private protected void CheckLatent(Tensor z, int height, int width)
    {
        long[] shape = LatentShape(height, width);
        if (z.dim() != 4 || !z.shape.AsSpan(1).SequenceEqual(shape))
        {
            throw new ArgumentException(
                $"The latent of a {height}x{width} image is (N, {string.Join(", ", shape)}), not ({string.Join(", ", z.shape)}).", nameof(z));
        }
    }
}
