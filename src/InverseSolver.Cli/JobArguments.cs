using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Requests;

namespace InverseSolver.Cli;

/// <summary>The options that say what is to be solved and by what: those of <c>inverse solve</c> and <c>inverse submit</c>.</summary>
internal sealed class JobArguments
{
    private readonly Option<string> _problem = CliOptions.Problem();

    private readonly SolveInputs _inputs = new();

    private readonly Option<double?> _sigma = CliOptions.Number<double>(
        "--sigma", "Standard deviation of the noise, images on [0,1]; without it, estimated from the measurement.");

    private readonly Option<double?> _photons = CliOptions.Number<double>(
        "--photons", "Photons per unit of the measurement, where it was counted; --sigma is then the read-out's noise.");

    private readonly Option<string> _model = CliOptions.Model();

    private readonly Option<string?> _solver = new("--solver")
    {
        HelpName = "NAME",
        Description = "The solver; absent, the one that is recommended for the problem.",
    };

    private readonly Option<string> _preset = new("--preset")
    {
        HelpName = "NAME",
        Description = "paper, paperFast, balanced or fast.",
        DefaultValueFactory = _ => "balanced",
    };

    private readonly Option<string[]> _set = CliOptions.Set();

    private readonly Option<string?> _baselines = new("--baselines")
    {
        HelpName = "NAMES",
        Description = "Comma-separated solvers without a network that solve the same beside it: "
            + $"{string.Join(", ", SolverCatalog.All.Where(one => one.IsBaseline).Select(one => one.Type))}.",
    };

    private readonly Option<bool> _luminance = new("--luminance")
    {
        Description = "Take the luminance of a coloured measurement or truth, where the model is for grey images.",
    };

    private readonly Option<long> _seed = CliOptions.Seed();

    internal JobArguments()
    {
        _solver.CompletionSources.Add([.. SolverCatalog.All.Select(one => one.Type)]);
        _baselines.CompletionSources.Add([.. SolverCatalog.All.Where(one => one.IsBaseline).Select(one => one.Type)]);
        _preset.CompletionSources.Add("paper", "paperFast", "balanced", "fast");
    }

    /// <summary>For the command.</summary>
    internal IEnumerable<Option> Options => [_problem, .. _inputs.Options, _sigma, _photons, _model, _solver, _preset, _set, _baselines, _luminance, _seed];

    /// <summary>Reads the files that were named.</summary>
    internal Dictionary<string, byte[]> Files(ParseResult arguments, FormatReader reader) => _inputs.Read(arguments, reader);

    /// <summary>The request with its solver resolved, as a job of a service is stored; without its files.</summary>
    internal StoredRequest Stored(ParseResult arguments)
    {
        Problem problem = ProblemOf(arguments);
        RequestChecks.CheckRanges(new JobRequest
        {
            Model = arguments.GetValue(_model)!,
            Problem = problem,
            Sigma = arguments.GetValue(_sigma),
            Photons = arguments.GetValue(_photons),
            Seed = arguments.GetValue(_seed),
        });
        return new StoredRequest
        {
            Model = arguments.GetValue(_model)!,
            Problem = problem,
            Sigma = arguments.GetValue(_sigma),
            Photons = arguments.GetValue(_photons),
            Solver = ResolvedSolver.Of(problem, arguments.GetValue(_solver), arguments.GetValue(_preset)!, Settings(arguments)),
            Baselines = ResolvedSolver.Baselines(Baselines(arguments)),
            Seed = arguments.GetValue(_seed),
            Luminance = arguments.GetValue(_luminance),
            Previews = false,
            VendorConvention = _inputs.Convention(arguments),
            Reference = _inputs.ForceReference(arguments) ? ReferenceRule.Force : ReferenceRule.Check,
            Files = new Dictionary<string, string>(),
        };
    }

    /// <summary>The request as a service takes it: <c>JobRequest</c> of the OpenAPI document, without what has its default.</summary>
    internal JsonObject Request(ParseResult arguments)
    {
        var solver = new JsonObject { ["preset"] = arguments.GetValue(_preset) };
        if (arguments.GetValue(_solver) is { } type) solver.Insert(0, "type", type);
        if (Settings(arguments) is { Count: > 0 } settings) solver["parameters"] = settings;
        var request = new JsonObject
        {
            ["model"] = arguments.GetValue(_model),
            ["problem"] = CliJson.Of(ProblemOf(arguments)),
            ["solver"] = solver,
            ["seed"] = arguments.GetValue(_seed),
        };
        if (arguments.GetValue(_sigma) is { } sigma) request["sigma"] = sigma;
        if (arguments.GetValue(_photons) is { } photons) request["photons"] = photons;
        if (Baselines(arguments) is { Length: > 0 } baselines) request["baselines"] = new JsonArray([.. baselines.Select(one => (JsonNode)one)]);
        if (arguments.GetValue(_luminance)) request["luminance"] = true;
        if (_inputs.Convention(arguments) is var convention and not VendorConvention.Auto)
        {
            request["vendorConvention"] = JsonNamingPolicy.CamelCase.ConvertName($"{convention}");
        }

        if (_inputs.ForceReference(arguments)) request["reference"] = "force";
        return request;
    }

    private Problem ProblemOf(ParseResult arguments) => CliJson.ProblemOf(arguments.GetRequiredValue(_problem), _inputs.HasMask(arguments));

    private JsonObject Settings(ParseResult arguments) => CliJson.ReadSettings(arguments.GetValue(_set) ?? []);

    private string[] Baselines(ParseResult arguments) => CliOptions.List(arguments.GetValue(_baselines) ?? "");
}
