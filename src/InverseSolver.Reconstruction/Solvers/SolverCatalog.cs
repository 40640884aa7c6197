using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using InverseSolver.Diffusion;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>A solver as callers see it.</summary>
/// <param name="Type">Its name in requests, for example <c>reSample</c>.</param>
/// <param name="Title">Its name in print.</param>
/// <param name="Citation">Where it was published.</param>
/// <param name="Presets">Its presets by name: <c>paper</c>, <c>paperFast</c> (solvers with a network), <c>balanced</c>, <c>fast</c>.</param>
public sealed record SolverDescription(
    string Type, string Title, string Citation, IReadOnlyDictionary<string, SolverParameters> Presets)
{
    /// <summary>A solver without a network.</summary>
    internal SolverDescription(string type, string title, string citation, SolverParameters paper, SolverParameters balanced, SolverParameters fast)
        : this(type, title, citation, new Dictionary<string, SolverParameters> { ["paper"] = paper, ["balanced"] = balanced, ["fast"] = fast })
    {
    }

    /// <summary>A solver with a network.</summary>
    internal SolverDescription(
        string type, string title, string citation,
        DiffusionParameters paper, DiffusionParameters paperFast, DiffusionParameters balanced, DiffusionParameters fast)
        : this(type, title, citation, new Dictionary<string, SolverParameters>
        {
            ["paper"] = paper,
            ["paperFast"] = paperFast,
            ["balanced"] = balanced,
            ["fast"] = fast,
        })
    {
    }

    /// <summary>True where it uses no network: a baseline to compare the others with.</summary>
    public bool IsBaseline => Presets.Values.First() is not DiffusionParameters;
}

/// <summary>All solvers.</summary>
public static class SolverCatalog
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        NumberHandling = JsonNumberHandling.Strict,

        // Before the types' own converters, which take numbers for names.
        Converters = { new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false) },
    };

    /// <summary>All solvers.</summary>
    public static IReadOnlyList<SolverDescription> All { get; } =
    [
        ReSampleParameters.Description,
        DcdpParameters.Description,
        DiffPirParameters.Description,
        DdnmParameters.Description,
        RedDiffParameters.Description,
        DdpmConsistencyParameters.Description,
        MriPurifyParameters.Description,
        LatentDpsParameters.Description,
        TRegParameters.Description,
        DapsParameters.Description,
        PsldParameters.Description,
        ConstrainedAdmmParameters.Description,
        AdjointParameters.Description,
        LeastSquaresParameters.Description,
        TotalVariationParameters.Description,
        WaveletParameters.Description,
        TuckerPhaseRetrievalParameters.Description,
    ];

    /// <summary>A preset with some parameters replaced.</summary>
    /// <param name="type">The solver's name.</param>
    /// <param name="preset">The preset's name, in any case: generated clients write it in the case of their language.</param>
    /// <param name="overrides">Parameters to replace, by their JSON names. Null keeps the preset's, as clients send it for what they leave out.</param>
    /// <exception cref="InvalidInputException">Unknown solver, preset or parameter, or a value out of range; names the field under <c>solver</c>.</exception>
    public static SolverParameters Resolve(string type, string preset, JsonObject? overrides) => Resolve(type, ref preset, overrides);

    /// <summary>The same, with the preset's name as the solver has it.</summary>
    internal static SolverParameters Resolve(string type, ref string preset, JsonObject? overrides)
    {
        SolverDescription solver = All.FirstOrDefault(s => s.Type == type)
            ?? throw new InvalidInputException("solver.type", Words.NoneOf(type, All.Select(s => s.Type)));
        string asked = preset;
        preset = solver.Presets.Keys.FirstOrDefault(name => name.Equals(asked, StringComparison.OrdinalIgnoreCase))
            ?? throw new InvalidInputException("solver.preset", $"{solver.Title}: {Words.NoneOf(asked, solver.Presets.Keys)}");
        SolverParameters parameters = solver.Presets[preset];

        JsonObject merged = ToJson(parameters);
        var faults = new List<InvalidInputException>();
        foreach ((string name, JsonNode? value) in overrides ?? [])
        {
            if (!merged.ContainsKey(name))
            {
                string known = merged.Count == 0 ? "none" : string.Join(", ", merged.Select(p => p.Key));
                faults.Add(new InvalidInputException($"solver.parameters.{name}", $"{solver.Title} has no parameter '{Words.Short(name)}'. It has {known}."));
                continue;
            }

            if (value is null) continue;
            JsonNode? standard = merged[name]?.DeepClone();
            merged[name] = value.DeepClone();
            try
            {
                parameters = (SolverParameters)merged.Deserialize(parameters.GetType(), Json)!;
            }
            catch (JsonException)
            {
                Type kind = parameters.GetType().GetProperties().First(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name) == name).PropertyType;
                kind = Nullable.GetUnderlyingType(kind) ?? kind;
                faults.Add(new InvalidInputException(
                    $"solver.parameters.{name}",
                    kind.IsEnum ? Words.NoneOf(value is JsonValue ? value.ToString() : null, Words.Of(kind, Json)) : "The value has the wrong type."));
                merged[name] = standard;
            }
        }

        var problems = new List<ValidationResult>();
        Validator.TryValidateObject(parameters, new ValidationContext(parameters), problems, validateAllProperties: true);
        faults.AddRange(problems.Select(problem => new InvalidInputException(
            $"solver.parameters.{JsonNamingPolicy.CamelCase.ConvertName(problem.MemberNames.First())}", problem.ErrorMessage!)));
        InvalidInputException.ThrowAll(faults);

        JsonObject unchanged = ToJson(solver.Presets[preset]);
        foreach (string name in parameters.WithoutEffect().Select(JsonNamingPolicy.CamelCase.ConvertName))
        {
            if (!JsonNode.DeepEquals(unchanged[name], merged[name]))
            {
                throw new InvalidInputException(
                    $"solver.parameters.{name}", "It has no effect beside the other parameters: the stage that it belongs to is switched off.");
            }
        }

        return parameters;
    }

    /// <summary>The reason for which a model gives too few gradients for a solver, in a sentence for the caller; null when it gives enough.</summary>
    internal static string? GradientRefusal(SolverParameters parameters, ModelInfo model)
    {
        string[] missing = Missing(parameters, model);
        if (missing is [])
        {
            return null;
        }

        string title = All.First(solver => solver.Presets.Values.First().GetType() == parameters.GetType()).Title;
        IEnumerable<string> others = All.Where(solver => !solver.IsBaseline && Missing(solver.Presets["balanced"], model) is []).Select(solver => solver.Type);
        return $"{title} with these parameters needs the gradient of the {string.Join(" and of the ", missing)}, which the model '{model.Id}' does not give. " +
            $"With their balanced presets these solvers can use it: {string.Join(", ", others)}.";
    }

    private static string[] Missing(SolverParameters parameters, ModelInfo model)
    {
        (ModelGradients needs, ModelGradients gives) = (parameters.Gradients, model.Gradients);
        return
        [
            .. needs.Denoiser && !gives.Denoiser ? ["denoiser"] : Array.Empty<string>(),
            .. needs.Decoder && !gives.Decoder ? ["decoder"] : Array.Empty<string>(),
            .. needs.Encoder && !gives.Encoder ? ["encoder"] : Array.Empty<string>(),
        ];
    }

    /// <summary>Parameters under their JSON names.</summary>
    public static JsonObject ToJson(SolverParameters parameters) => JsonSerializer.SerializeToNode(parameters, parameters.GetType(), Json)!.AsObject();
}
