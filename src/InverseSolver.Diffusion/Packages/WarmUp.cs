using System.Diagnostics;

namespace InverseSolver.Diffusion.Packages;

/// <summary>The times of the first call of each of a model's networks, including the libraries' initialisation for each kind of operator.</summary>
/// <param name="EncodeSeconds">The encoder.</param>
/// <param name="NetworkSeconds">The denoiser.</param>
/// <param name="DecodeSeconds">The decoder.</param>
/// <param name="DecodeGradientSeconds">The decoder with its gradient; null for a model that gives none.</param>
public sealed record WarmUp(double EncodeSeconds, double NetworkSeconds, double DecodeSeconds, double? DecodeGradientSeconds)
{
    /// <summary>Calls each network once, on the smallest image that the model takes.</summary>
    public static WarmUp Run(LatentModel model)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        ModelInfo info = model.Info;
        (int height, int width) = (info.FixedHeight ?? model.SizeMultiple, info.FixedWidth ?? model.SizeMultiple);
        Tensor x = torch.zeros([1, model.Channels, height, width], device: model.Device), t = torch.zeros([1], ScalarType.Int64, model.Device);
        Tensor? conditioning = info.Conditioning is not null ? null : info.NeedsClassLabels ? torch.zeros([1], ScalarType.Int64, model.Device)
            : info.ContextChannels is { } channels ? torch.zeros([1, 1, channels], device: model.Device)
            : null;
        Tensor z = x;
        double encode = Seconds(() => z = model.Encode(x)), network = Seconds(() => model.PredictNoise(z, t, conditioning));
        double decode = Seconds(() => model.Decode(z, height, width));
        double? gradient = info.Gradients.Decoder ? Seconds(() => model.DecodeVjp(z, height, width, image => torch.ones_like(image))) : null;
        return new WarmUp(encode, network, decode, gradient);

        double Seconds(Action call)
        {
            long start = Stopwatch.GetTimestamp();
            call();
            Backend.Synchronize(model.Device);
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }
}
