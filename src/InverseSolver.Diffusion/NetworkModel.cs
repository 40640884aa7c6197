using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Schedules;

namespace InverseSolver.Diffusion;

/// <summary>A diffusion model made of an autoencoder and a denoiser; without the first it works on pixels, and its latent is the image on [-1,1].</summary>
internal sealed class NetworkModel : LatentModel
{
    private readonly double _scale;
    private readonly ConsistencyModel? _consistency;
    private readonly Conditioning? _stored;

    internal NetworkModel(
        ModelInfo info, Autoencoder? autoencoder, Denoiser denoiser, SchedulerConfig scheduler, ConsistencyModel? consistency, Conditioning? stored)
        : base(scheduler.Noise.AlphasCumprod)
    {
        _consistency = consistency;
        _stored = stored;
        Info = info;
        Autoencoder = autoencoder;
        Denoiser = denoiser;
        _scale = info.LatentScale;
    }

    public override ModelInfo Info { get; }

    public override Device Device => Denoiser.Device;

    public override long WeightBytes => (Autoencoder?.WeightBytes ?? 0) + Denoiser.WeightBytes + (_consistency?.Network.WeightBytes ?? 0);

    internal Autoencoder? Autoencoder { get; }

    internal Denoiser Denoiser { get; }

    public override Tensor PredictNoise(Tensor z, Tensor t, Tensor? conditioning = null)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor output = Predict(z, t, conditioning);

        // Channels beyond the latent's are a learned variance.
        output = output.size(1) > z.size(1) ? output.narrow(1, 0, z.size(1)) : output;
        Tensor epsilon = Info.PredictionType == PredictionType.Epsilon ? output : LevelsOf(t).ToEpsilon(Info.PredictionType, output, z);
        return epsilon.MoveToOuterDisposeScope();
    }

    /// <summary>The denoiser's own output, with the stored conditioning where none is given.</summary>
    internal Tensor Predict(Tensor z, Tensor t, Tensor? conditioning = null) =>
        conditioning is null && _stored is not null ? _stored.Predict(z, t, Call) : Call(z, t, conditioning);

    private Tensor Call(Tensor z, Tensor t, Tensor? conditioning) =>
        Denoiser.NeedsClassLabels ? Denoiser.Forward(z, t, null, conditioning) : Denoiser.Forward(z, t, conditioning);

    public override Tensor ConsistencyFunction(Tensor z, double sigma) => _consistency?.Forward(z, sigma) ?? base.ConsistencyFunction(z, sigma);

    internal override Tensor EncodeCore(Tensor x)
    {
        Tensor latent = Autoencoder?.Encode(x) ?? x.alias();
        return _scale == 1 ? latent : latent * _scale;
    }

    internal override Tensor DecodeCore(Tensor z)
    {
        Tensor latent = _scale == 1 ? z : z / _scale;
        return Autoencoder?.Decode(latent) ?? latent.alias();
    }

    private protected override void DisposeCore()
    {
        Autoencoder?.Dispose();
        Denoiser.Dispose();
        _consistency?.Dispose();
        _stored?.Dispose();
    }
}
