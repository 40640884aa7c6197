using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Schedules;

namespace InverseSolver.Diffusion;

/// <summary>A diffusion model made of an autoencoder and a denoiser; without the first it works on pixels, and its latent is the image on [-1,1].</summary>
internal sealed class NetworkModel : LatentModel
{
    private readonly double scale;
    private readonly ConsistencyNetwork? consistency;
    private readonly Conditioning? stored;

    internal NetworkModel(ModelInfo info, Autoencoder? autoencoder, Denoiser denoiser, DdimSchedule schedule, ConsistencyNetwork? consistency, Conditioning? stored)
        : base(schedule.Noise.Abar)
    {
        this.consistency = consistency;
        this.stored = stored;
        Info = info;
        Autoencoder = autoencoder;
        Denoiser = denoiser;
        scale = info.LatentScale;
    }

    public override ModelInfo Info { get; }

    public override Device Device => Denoiser.Device;

    public override long WeightBytes => (Autoencoder?.WeightBytes ?? 0) + Denoiser.WeightBytes + (consistency?.Network.WeightBytes ?? 0);

    internal Autoencoder? Autoencoder { get; }

    internal Denoiser Denoiser { get; }

    public override Tensor PredictNoise(Tensor z, Tensor t, Tensor? conditioning = null)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor said = Predict(z, t, conditioning);

        // What is more than the latent's channels is a learned variance.
        said = said.size(1) > z.size(1) ? said.narrow(1, 0, z.size(1)) : said;
        return ToNoise(said, z, t).MoveToOuterDisposeScope();
    }

    /// <summary>What the denoiser itself says, with the stored conditioning where none is given.</summary>
    internal Tensor Predict(Tensor z, Tensor t, Tensor? conditioning = null) =>
        conditioning is null && stored is not null ? stored.Predict(z, t, Call) : Call(z, t, conditioning);

    private Tensor Call(Tensor z, Tensor t, Tensor? conditioning) =>
        Denoiser.NeedsClassLabels ? Denoiser.Forward(z, t, null, conditioning) : Denoiser.Forward(z, t, conditioning);

    public override Tensor Consistent(Tensor z, double sigma) => consistency?.Forward(z, sigma) ?? base.Consistent(z, sigma);

    internal override Tensor EncodeCore(Tensor x)
    {
        Tensor latent = Autoencoder?.Encode(x) ?? x.alias();
        return scale == 1 ? latent : latent * scale;
    }

    internal override Tensor DecodeCore(Tensor z)
    {
        Tensor latent = scale == 1 ? z : z / scale;
        return Autoencoder?.Decode(latent) ?? latent.alias();
    }

    private protected override void DisposeCore()
    {
        Autoencoder?.Dispose();
        Denoiser.Dispose();
        consistency?.Dispose();
        stored?.Dispose();
    }

    private Tensor ToNoise(Tensor said, Tensor z, Tensor t)
    {
        if (Info.PredictionType == PredictionType.Epsilon)
        {
            return said;
        }

        Tensor a = AbarOf(t);
        Tensor signal = a.sqrt().to(ScalarType.Float32, z.device), spread = (1.0 - a).sqrt().to(ScalarType.Float32, z.device);
        return Info.PredictionType == PredictionType.VPrediction
            ? said * signal + z * spread
            : (z - said * signal) / spread;
    }
}
