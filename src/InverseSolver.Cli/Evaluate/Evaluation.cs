using System.Security.Cryptography;
using System.Text.Json;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Metrics;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Cli.Evaluate;

/// <summary>One column of an evaluation.</summary>
internal sealed record EvaluationRun(string Problem, string Solver, string Preset, SolverParameters? Parameters, string Settings);

/// <summary>
/// One image solved by one run. The network's calls are those with gradient and without; the last two members are null in rows of earlier versions.
/// </summary>
internal sealed record EvaluationRow(
    string Model, string Image, string Problem, string Solver, string Preset, string Settings, double Sigma, long Seed,
    double PsnrDb, double Ssim, double Nmse, double? Ratio, double? PriorShare,
    int NetworkCalls, int DecoderGradients, double Seconds, int? NetworkGradients = null, double? RelativeResidual = null,
    double? Photons = null, bool SigmaEstimated = false, double? EffectiveSigma = null, TwinReport? Twin = null);

/// <summary>A run that its solver refused, and why.</summary>
internal sealed record EvaluationRefusal(EvaluationRun Run, string Reason);

/// <summary>Runs solvers on simulated measurements, image by image, and keeps every row as soon as it is there.</summary>
internal sealed class Evaluation
{
    internal const string LeastSquaresBest = "leastSquaresBest";
    internal const string RoundTrip = "roundTrip";

    private readonly List<EvaluationRow> _rows = [];
    private readonly List<EvaluationRefusal> _refusals = [];

    internal required string[] Images { get; init; }

    internal required double Sigma { get; init; }

    internal double? Photons { get; init; }

    internal bool EstimateSigma { get; init; }

    internal required long Seed { get; init; }

    internal required EvaluationRun[] Runs { get; init; }

    internal required string? RowsFile { get; init; }

    internal string? OperatorFolder { get; init; }

    /// <summary>Runs that <see cref="Execute"/> could not do.</summary>
    internal IReadOnlyList<EvaluationRefusal> Refusals => _refusals;

    /// <summary>File of a row's reconstruction, so that a sheet can be drawn after an interruption.</summary>
    internal string? PictureFile(EvaluationRow row)
    {
        if (RowsFile is null) return null;
        var settings = new { row.Model, row.Image, row.Problem, Settings = row.Settings + NoiseSettings(row), row.Sigma, row.Seed };
        string hash = System.Convert.ToHexString(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(settings)))[..8];
        string name = $"{Path.GetFileNameWithoutExtension(row.Image)}-{Path.GetFileNameWithoutExtension(row.Problem)}-{row.Solver}-{row.Preset}-{hash}.npy";
        return Path.Combine(Path.ChangeExtension(RowsFile, null) + ".images", name);
    }

    private static string NoiseSettings(EvaluationRow row) =>
        row.Photons is null && !row.SigmaEstimated ? string.Empty : $" {row.Photons} {row.SigmaEstimated}";

    private static string ModelName(LatentModel model) => $"{model.Info.Id} {model.Info.Hash}";

    /// <summary>The rows of an earlier evaluation, as <c>--resume</c> and <c>--json</c> write them.</summary>
    internal static EvaluationRow[] ReadRows(string file)
    {
        try
        {
            return JsonSerializer.Deserialize<EvaluationRow[]>(File.ReadAllText(file), CliJson.Options)!;
        }
        catch (JsonException)
        {
            throw new CommandException($"{file}: it does not hold the rows of an evaluation: name a file that --resume or --json wrote.");
        }
    }

    internal IReadOnlyList<EvaluationRow> Execute(LatentModel model, CancellationToken cancellation)
    {
        if (RowsFile is not null && File.Exists(RowsFile))
        {
            _rows.AddRange(ReadRows(RowsFile));
        }

        var wanted = new List<EvaluationRow>();
        foreach (EvaluationRun run in Runs)
        {
            for (int i = 0; i < Images.Length; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                string name = Path.GetFileName(Images[i]);
                EvaluationRow? row = _rows.Find(r =>
                    (r.Model, r.Image, r.Problem, r.Solver, r.Preset, r.Settings, r.Sigma, r.Seed, r.Photons, r.SigmaEstimated)
                    == (ModelName(model), name, run.Problem, run.Solver, run.Preset, run.Settings, Sigma, Seed + i,
                        Photons, EstimateSigma && run.Parameters is not null));
                if (row is null)
                {
                    try
                    {
                        row = Solve(model, run, Images[i], Seed + i, cancellation);
                    }
                    catch (InvalidInputException refused) when (refused.Field == "solver.type")
                    {
                        Console.Error.WriteLine($"{run.Problem,-20} {run.Solver,-12} {run.Preset,-9} refused: {refused.Message}");
                        _refusals.Add(new EvaluationRefusal(run, refused.Message));
                        break;
                    }

                    _rows.Add(row);
                    if (RowsFile is not null)
                    {
                        CliJson.Write(RowsFile, _rows);
                    }

                    string registration = row.Twin?.Registered is { } registered
                        ? $"  registered {registered.PsnrDb:F2} dB, {(row.Twin.Turned ? "turned" : "not turned")}, loss {row.Twin.Loss:F4}, "
                            + $"other {row.Twin.OtherLoss:F4}"
                        : string.Empty;
                    Console.Error.WriteLine(
                        $"{row.Problem,-20} {row.Solver,-12} {row.Preset,-9} {row.Image,-24} {row.PsnrDb,6:F2} dB  SSIM {row.Ssim:F3}  ratio {row.Ratio,6:F2}"
                            + $"{(row.SigmaEstimated ? $"  sigma {row.EffectiveSigma:F4}" : string.Empty)}  {row.Seconds,6:F1} s{registration}");
                }

                wanted.Add(row);
            }
        }

        return wanted;
    }

    private EvaluationRow Solve(LatentModel model, EvaluationRun run, string file, long seed, CancellationToken cancellation)
    {
        ArrayData truth = ArrayFiles.ReadImage(file);
        Problem problem = StandardProblems.Get(run.Problem, seed);
        ArrayData y = Reconstructor.Simulate(problem, truth, new Dictionary<string, ArrayData>(), Sigma, seed, OperatorFolder, Photons).Measurement;
        ReconstructionResult result;
        if (run.Parameters is null)
        {
            result = Baseline(model, run.Solver, problem, truth, y);
        }
        else
        {
            var request = new ReconstructionRequest
            {
                Problem = problem,
                Measurement = y,
                Sigma = EstimateSigma ? null : Sigma,
                Photons = Photons,
                Solver = run.Parameters,
                Seed = seed,
                Truth = truth,
                OperatorFolder = OperatorFolder,
            };
            result = Reconstructor.Run(model, request, null, cancellation);
        }

        var row = new EvaluationRow(
            ModelName(model), Path.GetFileName(file), run.Problem, run.Solver, run.Preset, run.Settings, Sigma, seed,
            result.Quality!.PsnrDb, result.Quality.Ssim, result.Quality.Nmse, result.Consistency.Ratio, result.Consistency.PriorShare,
            result.Cost.NetworkCalls + result.Cost.NetworkGradients, result.Cost.DecoderGradients, result.Cost.Seconds,
            result.Cost.NetworkGradients, result.Consistency.RelativeResidual, Photons, result.Noise.SigmaEstimated, result.Noise.Sigma, result.Twin);
        if (PictureFile(row) is { } picture)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(picture)!);
            ArrayFiles.WriteNpy(picture, result.Image);
        }

        return row;
    }

    // What no solver can do: least squares at the weight that is best against the truth, and what the autoencoder makes of the truth itself.
    private ReconstructionResult Baseline(LatentModel model, string name, Problem problem, ArrayData truth, ArrayData measurement)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        var watch = System.Diagnostics.Stopwatch.StartNew();
        using ForwardOperator unweighted = ProblemOperators.Create(
            problem, [.. truth.Shape.Select(n => (long)n)], new Dictionary<string, ArrayData>(), measurement, model.Device, OperatorFolder);
        WhitenedMeasurement whitened = PhotonNoise.Whiten(unweighted, measurement.ToTensor(model.Device), Sigma, Photons);
        using ForwardOperator a = whitened.A;
        (Tensor x, Tensor y) = (truth.ToTensor(model.Device), whitened.Y);
        Tensor image = name == LeastSquaresBest
            ? Reconstruction.Optimisation.LeastSquares.BestOf9(
                a as LinearOperator ?? throw new InvalidInputException("solver.type", "Least squares needs a linear problem."), y, x).Images
            : model.Decode(model.Encode(x), truth.Shape[1], truth.Shape[2]);
        return new ReconstructionResult(
            image.ToArrayData(), null, ConsistencyMeasure.Report(a, image, y, whitened.Sigma)[0] with { Photons = Photons },
            ImageQuality.Report(image.clamp(0, 1).ToArrayData(), truth), null,
            new CostReport(0, 0, 0, 0, watch.Elapsed.TotalSeconds), 1)
        { Noise = new NoiseReport(Sigma, false, null, Photons) };
    }
}
