using System.Diagnostics;
using InverseSolver.Diffusion;

namespace InverseSolver.Cli.Bench;

/// <summary>Median times of a model's calls at its native size, in milliseconds; the decoder's gradient is null where it gives none.</summary>
internal sealed record NetworkTimes(double NetworkMs, double DecoderMs, double? GradientMs, double EncoderMs)
{
    internal static NetworkTimes Of(LatentModel model, int batch, int repeats)
    {
        int height = model.Info.NativeHeight ?? 128, width = model.Info.NativeWidth ?? 128;
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using var generator = new Generator(1);
        Tensor z = torch.randn([batch, .. model.LatentShape(height, width)], generator, device: model.Device);
        Tensor t = torch.full([batch], 500, ScalarType.Int64, model.Device);
        Tensor x = model.Decode(z, height, width);
        return new NetworkTimes(
            Median(repeats, model.Device, () => model.PredictNoise(z, t)),
            Median(repeats, model.Device, () => model.Decode(z, height, width)),
            model.Info.Gradients.Decoder ? Median(repeats, model.Device, () => model.DecodeVjp(z, height, width, image => image)) : null,
            Median(repeats, model.Device, () => model.Encode(x)));
    }

    /// <summary>Median time of a call after two to warm up, in milliseconds.</summary>
    internal static double Median(int repeats, Device device, Action call)
    {
        var times = new List<double>();
        for (int i = -2; i < repeats; i++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            var watch = Stopwatch.StartNew();
            call();
            Backend.Synchronize(device);
            if (i >= 0)
            {
                times.Add(watch.Elapsed.TotalMilliseconds);
            }
        }

        times.Sort();
        return times[times.Count / 2];
    }
}
