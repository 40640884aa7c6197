using System.Security.Cryptography;
using System.Text.Json;
using InverseSolver.Diffusion;
using InverseSolver.Solvers;
using InverseSolver.Solvers.Consistency;
using InverseSolver.Solvers.Metrics;
using InverseSolver.Solvers.Operators;
using InverseSolver.Solvers.Problems;
using InverseSolver.Solvers.Solvers;
using InverseSolver.Torch;

namespace InverseSolver.Cli;

/// <summary>One column of an evaluation.</summary>
internal sealed record EvaluationRun(string Problem, string Solver, string Preset, SolverParameters? Parameters, string Settings);

/// <summary>One image solved by one run.</summary>
internal sealed record EvaluationRow(
    string Model, string Image, string Problem, string Solver, string Preset, string Settings, double Sigma, long Seed,
    double PsnrDb, double Ssim, double Nmse, double? Ratio, double? PriorShare,
    int NetworkCalls, int DecoderGradients, double Seconds, TwinReport? Twin = null);

/// <summary>Runs solvers on simulated measurements, image by image, and keeps every row as soon as it is there.</summary>
internal sealed class Evaluation
{
    internal const string LeastSquares = "leastSquares";
    internal const string RoundTrip = "roundTrip";
    internal const string Direct = "direct";

    private readonly List<EvaluationRow> _rows = [];

    internal required string[] Images { get; init; }

    internal required double Sigma { get; init; }

    internal required long Seed { get; init; }

    internal required EvaluationRun[] Runs { get; init; }

    internal required string? RowsFile { get; init; }

    internal string? OperatorFolder { get; init; }

    /// <summary>Where a row's reconstruction lies, so that a sheet can be drawn after an interruption.</summary>
    internal string? PictureFile(EvaluationRow row) => RowsFile is null ? null : Path.Combine(
        Path.ChangeExtension(RowsFile, null) + ".images",
        $"{Path.GetFileNameWithoutExtension(row.Image)}-{Path.GetFileNameWithoutExtension(row.Problem)}-{row.Solver}-{row.Preset}-{Convert.ToHexString(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new { row.Model, row.Image, row.Problem, row.Settings, row.Sigma, row.Seed })))[..8]}.npy");

    private static string ModelName(LatentModel model) => $"{model.Info.Id} {model.Info.Hash}";

    internal IReadOnlyList<EvaluationRow> Execute(LatentModel model, CancellationToken cancellation)
    {
        if (RowsFile is not null && File.Exists(RowsFile))
        {
            _rows.AddRange(JsonSerializer.Deserialize<EvaluationRow[]>(File.ReadAllText(RowsFile), CliJson.Options)!);
        }

        var wanted = new List<EvaluationRow>();
        foreach (EvaluationRun run in Runs)
        {
            for (int i = 0; i < Images.Length; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                string name = Path.GetFileName(Images[i]);
                EvaluationRow? row = _rows.Find(r =>
                    (r.Model, r.Image, r.Problem, r.Solver, r.Preset, r.Settings, r.Sigma, r.Seed) == (ModelName(model), name, run.Problem, run.Solver, run.Preset, run.Settings, Sigma, Seed + i));
                if (row is null)
                {
                    row = Solve(model, run, Images[i], Seed + i, cancellation);
                    _rows.Add(row);
                    if (RowsFile is not null)
                    {
                        CliJson.Write(RowsFile, _rows);
                    }

                    Console.Error.WriteLine($"{row.Problem,-20} {row.Solver,-12} {row.Preset,-9} {row.Image,-24} {row.PsnrDb,6:F2} dB  SSIM {row.Ssim:F3}  ratio {row.Ratio,6:F2}  {row.Seconds,6:F1} s{(row.Twin?.Registered is { } registered ? $"  registered {registered.PsnrDb:F2} dB, {(row.Twin.Turned ? "turned" : "not turned")}, loss {row.Twin.Loss:F4}, other {row.Twin.OtherLoss:F4}" : string.Empty)}");
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
        ArrayData y = Reconstruction.Simulate(problem, truth, new Dictionary<string, ArrayData>(), Sigma, seed, OperatorFolder).Measurement;
        ReconstructionResult result;
        if (run.Parameters is null)
        {
            result = Baseline(model, run.Solver, problem, truth, y);
        }
        else
        {
            var request = new ReconstructionRequest { Problem = problem, Measurement = y, Sigma = Sigma, Solver = run.Parameters, Seed = seed, Truth = truth, OperatorFolder = OperatorFolder };
            result = Reconstruction.Run(model, request, null, cancellation);
        }

        var row = new EvaluationRow(
            ModelName(model), Path.GetFileName(file), run.Problem, run.Solver, run.Preset, run.Settings, Sigma, seed,
            result.Quality!.PsnrDb, result.Quality.Ssim, result.Quality.Nmse, result.Consistency.Ratio, result.Consistency.PriorShare,
            result.Cost.NetworkCalls + result.Cost.NetworkGradients, result.Cost.DecoderGradients, result.Cost.Seconds, result.Twin);
        if (PictureFile(row) is { } picture)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(picture)!);
            ArrayFiles.WriteNpy(picture, result.Image);
        }

        return row;
    }

    // What needs no diffusion: least squares at its best weight, and the measurement as an image, and what the autoencoder makes of the truth itself.
    private ReconstructionResult Baseline(LatentModel model, string name, Problem problem, ArrayData truth, ArrayData measurement)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GradMode grad = torch.no_grad();
        var watch = System.Diagnostics.Stopwatch.StartNew();
        using ForwardOperator a = ProblemOperators.Create(
            problem, [.. truth.Shape.Select(n => (long)n)], new Dictionary<string, ArrayData>(), measurement, model.Device, OperatorFolder);
        Tensor x = truth.ToTensor(model.Device), y = measurement.ToTensor(model.Device);
        Tensor image = name == LeastSquares
            ? Solvers.Consistency.LeastSquares.BestOf9(a as LinearOperator ?? throw new CommandException($"{LeastSquares} needs a linear problem, {problem.GetType().Name} is not."), y, x).Images
            : name == Direct ? a.Direct(y)
            : model.Decode(model.Encode(x), truth.Shape[1], truth.Shape[2]);
        return new ReconstructionResult(
            image.ToArrayData(), null, ConsistencyMeasure.Report(a, image, y, Sigma)[0], ImageQuality.Report(image.clamp(0, 1).ToArrayData(), truth),
            new CostReport(0, 0, 0, 0, watch.Elapsed.TotalSeconds), 1);
    }
}
