namespace InverseSolver.Diffusion.Batching;

/// <summary>
/// A model as one solver sees it whose network calls go out together with those of others (<see cref="SharedCalls"/>). For one thread; disposing it leaves
/// the model loaded.
/// </summary>
public sealed class SharedModel : LatentModel
{
    private readonly SharedCalls _calls;
    private readonly LatentModel _inner;
    private bool _left;

    internal SharedModel(SharedCalls calls)
        : base(calls.Inner.AlphasCumprod)
    {
        _calls = calls;
        _inner = calls.Inner;
    }

    /// <summary>The model itself, whose calls are not shared.</summary>
    public LatentModel Alone => _inner;

    /// <summary>Batches that went through the network so far, of all who share it.</summary>
    public long Calls => _calls.Batches;

    /// <summary>Items in them.</summary>
    public long Items => _calls.Items;

    /// <summary>Items of the largest.</summary>
    public long Largest => _calls.Largest;

    /// <inheritdoc/>
    public override ModelInfo Info => _inner.Info;

    /// <inheritdoc/>
    public override Device Device => _inner.Device;

    /// <inheritdoc/>
    public override long WeightBytes => _inner.WeightBytes;

    /// <inheritdoc/>
    public override Tensor PredictNoise(Tensor z, Tensor t, Tensor? conditioning = null) =>
        conditioning is not null || Records(z)
            ? _inner.PredictNoise(z, t, conditioning)
            : _calls.Forward(new SharedCall(SharedFunction.PredictNoise, z, t, 0, withGradient: false));

    /// <inheritdoc/>
    public override (Tensor Noise, Tensor Gradient) PredictNoiseVjp(Tensor z, Tensor t, Func<Tensor, Tensor> cotangent)
    {
        RequireGradient(Info.Gradients.Denoiser, "denoiser");
        return SharedVjp(z, null, input => new SharedCall(SharedFunction.PredictNoise, input, t, 0, withGradient: true), null, cotangent);
    }

    /// <inheritdoc/>
    public override Tensor ConsistencyFunction(Tensor z, double sigma) =>
        Records(z)
            ? _inner.ConsistencyFunction(z, sigma)
            : _calls.Forward(new SharedCall(SharedFunction.ConsistencyFunction, z, null, sigma, withGradient: false));

    /// <inheritdoc/>
    public override (Tensor Decoded, Tensor Gradient) DecodeVjp(Tensor z, int height, int width, Func<Tensor, Tensor> cotangent)
    {
        CheckLatent(z, height, width);
        RequireGradient(Info.Gradients.Decoder, "decoder");
        SharedCall Call(Tensor input) => new(SharedFunction.Decode, input, null, 0, withGradient: true);
        return SharedVjp(z, null, Call, whole => Image(whole, height, width), cotangent);
    }

    /// <inheritdoc/>
    public override (Tensor Encoded, Tensor Gradient) EncodeVjp(Tensor x, Func<Tensor, Tensor> cotangent)
    {
        CheckImage(x);
        RequireGradient(Info.Gradients.Encoder, "encoder");
        return SharedVjp(x, Padded, input => new SharedCall(SharedFunction.Encode, input, null, 0, withGradient: true), null, cotangent);
    }

    internal override Tensor EncodeCore(Tensor x) =>
        Records(x) ? _inner.EncodeCore(x) : _calls.Forward(new SharedCall(SharedFunction.Encode, x, null, 0, withGradient: false));

    internal override Tensor DecodeCore(Tensor z) =>
        Records(z) ? _inner.DecodeCore(z) : _calls.Forward(new SharedCall(SharedFunction.Decode, z, null, 0, withGradient: false));

    private protected override void DisposeCore()
    {
        if (!_left)
        {
            _left = true;
            _calls.Leave();
        }
    }

    // A graph that the caller records is the caller's alone.
    private static bool Records(Tensor argument) => torch.is_grad_enabled() && argument.requires_grad;

    // before and after map between the caller's tensors and the network's; they are differentiated here, on the caller's thread.
    // The cotangent runs one scope inside the caller's, as LatentModel's own does.
    private (Tensor Value, Tensor Gradient) SharedVjp(
        Tensor x, Func<Tensor, Tensor>? before, Func<Tensor, SharedCall> toCall, Func<Tensor, Tensor>? after, Func<Tensor, Tensor> cotangent)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable off = torch.no_grad();
        (Tensor leaf, Tensor input) = Recorded(x, before);
        SharedCall call = toCall(input.detach());
        Tensor answer = _calls.Forward(call), whole, value, w;
        try
        {
            (whole, value) = Recorded(answer, after);
            w = cotangent(value.detach());
            w = after is null ? w : torch.autograd.vjp(value, whole, w);
        }
        catch
        {
            _calls.Abandon(call);
            throw;
        }

        Tensor gradient = _calls.Backward(call, w);
        gradient = before is null ? gradient : torch.autograd.vjp(input, leaf, gradient);
        return (value.detach().MoveToOuterDisposeScope(), gradient.MoveToOuterDisposeScope());
    }

    private static (Tensor Leaf, Tensor Value) Recorded(Tensor x, Func<Tensor, Tensor>? function)
    {
        if (function is null)
        {
            return (x, x);
        }

        Tensor leaf = x.detach().requires_grad_();
        using IDisposable on = torch.enable_grad();
        return (leaf, function(leaf));
    }
}
