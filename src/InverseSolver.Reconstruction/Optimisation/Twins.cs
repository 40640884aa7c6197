using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Metrics;
using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Optimisation;

/// <summary>The choice between an image and itself turned by 180 degrees, where a measurement cannot make it.</summary>
internal static class Twins
{
    /// <summary>The likelier of the two under the prior.</summary>
    /// <param name="model">The prior.</param>
    /// <param name="x">(1, C, H, W).</param>
    /// <param name="truth">The true image, where it is known, for the report alone.</param>
    /// <param name="cancellation">Checked between calls.</param>
    internal static (Tensor Image, TwinReport Report) Choose(LatentModel model, Tensor x, ArrayData? truth, CancellationToken cancellation)
    {
        Tensor turned = x.flip(2, 3);
        double[] losses = PriorLoss.Of(model, torch.cat([x, turned]), cancellation);
        bool turn = losses[1] < losses[0];
        Tensor image = turn ? turned : x;
        return (image, new TwinReport(turn, losses.Min(), losses.Max(), truth is null ? null : Registered(image, truth)));
    }

    private static QualityReport Registered(Tensor x, ArrayData truth)
    {
        Tensor to = truth.ToTensor(x.device);
        QualityReport[] all = [.. new[] { x, x.flip(2, 3), Registration.Onto(x, to, turns: true) }
            .Select(at => ImageQuality.Report(at.clamp(0, 1).ToArrayData(), truth))];
        return all.MaxBy(report => report.PsnrDb)!;
    }
}
