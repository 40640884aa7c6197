using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Metrics;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Cli.Demo;

/// <summary>A solved job of the demonstration with what it is compared with.</summary>
/// <param name="Job">What was solved.</param>
/// <param name="Measurement">The measurement as a picture of the truth's size.</param>
/// <param name="LeastSquares">The best that least squares without a network can do.</param>
/// <param name="Image">The service's result.</param>
/// <param name="Row">The figures.</param>
internal sealed record DemoResult(DemoJob Job, ArrayData Measurement, ArrayData LeastSquares, ArrayData Image, DemoRow Row)
{
    /// <summary>Computes what the result is compared with.</summary>
    /// <param name="job">What was solved.</param>
    /// <param name="y">The measurement.</param>
    /// <param name="image">The service's result.</param>
    /// <param name="result">The service's figures.</param>
    internal static DemoResult Of(DemoJob job, ArrayData y, ArrayData image, Client.JobResult result)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using var a = (LinearOperator)ProblemOperators.Create(
            job.Problem, [.. job.Truth.Shape.Select(n => (long)n)], new Dictionary<string, ArrayData>(), y, torch.CPU);
        Tensor measured = y.ToTensor(torch.CPU), truth = job.Truth.ToTensor(torch.CPU);
        ArrayData picture = y.IsComplex ? a.Adjoint(measured).abs().ToArrayData() : Enlarge(y, job.Truth.Shape);
        ArrayData leastSquares = Reconstruction.Optimisation.LeastSquares.BestOf9(a, measured, truth).Images.clamp(0, 1).ToArrayData();
        Client.QualityReport quality = result.Quality
            ?? throw new HttpRequestException($"The service's report on {job.Name} has no figures against the truth.");
        var row = new DemoRow(
            job.ProblemName, job.Slice, quality.PsnrDb, quality.Ssim, quality.Nmse,
            result.Consistency.Ratio, result.Consistency.PriorShare, result.Cost.Seconds,
            Quality(picture), Quality(leastSquares));
        return new DemoResult(job, picture, leastSquares, image, row);

        QualityReport Quality(ArrayData x) => ImageQuality.Report(x with { Values = [.. x.Values.Select(value => Math.Clamp(value, 0, 1))] }, job.Truth);
    }

    /// <summary>Four times the distance from the truth.</summary>
    internal ArrayData Error => Job.Truth with { Values = [.. Job.Truth.Values.Zip(Image.Values, (t, x) => 4 * Math.Abs(t - Math.Clamp(x, 0, 1)))] };

    // Each pixel repeated, where the measurement is smaller.
    private static ArrayData Enlarge(ArrayData y, int[] shape)
    {
        (int height, int width) = (shape[1], shape[2]);
        int rows = height / y.Shape[1], columns = width / y.Shape[2];
        var values = new float[y.Shape[0] * height * width];
        for (int i = 0; i < values.Length; i++)
        {
            (int channel, int row, int column) = (i / (height * width), i / width % height, i % width);
            values[i] = y.Values[(((channel * y.Shape[1]) + (row / rows)) * y.Shape[2]) + (column / columns)];
        }

        return new ArrayData([y.Shape[0], height, width], values);
    }
}

/// <summary>The figures of one job; images against the truth, clipped to [0,1].</summary>
internal sealed record DemoRow(
    string Problem, string Slice, double PsnrDb, double Ssim, double Nmse, double? Ratio, double? PriorShare, double Seconds,
    QualityReport Measurement, QualityReport LeastSquares);
