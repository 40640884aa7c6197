using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using InverseSolver.Diffusion;

namespace InverseSolver.Solvers.Solvers;

/// <summary>A solver as callers see it.</summary>
/// <param name="Type">Its name in requests, for example <c>reSample</c>.</param>
/// <param name="Title">Its name in print.</param>
/// <param name="Citation">Where it was published.</param>
/// <param name="Presets">Its presets by name: <c>paper</c>, <c>balanced</c>, <c>fast</c>.</param>
public sealed record SolverDescription(
    string Type, string Title, string Citation, IReadOnlyDictionary<string, SolverParameters> Presets)
{
    /// <summary>Whether it uses no network: something to compare the others with.</summary>
    public bool IsBaseline => Presets.Values.First() is not DiffusionParameters;
}

/// <summary>All solvers.</summary>
public static class SolverCatalog
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web)
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
        new SolverDescription(
            "reSample",
            "ReSample",
            "Song, Kwon, Zhang, Hu, Qu, Shen: Solving Inverse Problems with Latent Diffusion Models via Hard Data Consistency. ICLR 2024.",
            new Dictionary<string, SolverParameters> { ["paper"] = ReSamplePresets.Paper, ["balanced"] = ReSamplePresets.Balanced, ["fast"] = ReSamplePresets.Fast }),
        new SolverDescription(
            "dcdp",
            "DCDP",
            "Li, Kwon, Liang, Alkhouri, Ravishankar, Qu: Decoupled Data Consistency with Diffusion Purification for Image Restoration. arXiv:2403.06054, 2024.",
            new Dictionary<string, SolverParameters> { ["paper"] = DcdpPresets.Paper, ["balanced"] = DcdpPresets.Balanced, ["fast"] = DcdpPresets.Fast }),
        new SolverDescription(
            "diffPir",
            "DiffPIR",
            "Zhu, Zhang, Liang, Cao, Wen, Timofte, Van Gool: Denoising Diffusion Models for Plug-and-Play Image Restoration. CVPR Workshops 2023.",
            new Dictionary<string, SolverParameters> { ["paper"] = DiffPirParameters.Paper, ["balanced"] = DiffPirParameters.Balanced, ["fast"] = DiffPirParameters.Fast }),
        new SolverDescription(
            "ddnm",
            "DDNM",
            "Wang, Yu, Zhang: Zero-Shot Image Restoration Using Denoising Diffusion Null-Space Model. ICLR 2023.",
            new Dictionary<string, SolverParameters> { ["paper"] = DdnmParameters.Paper, ["balanced"] = DdnmParameters.Balanced, ["fast"] = DdnmParameters.Fast }),
        new SolverDescription(
            "redDiff",
            "RED-diff",
            "Mardani, Song, Kautz, Vahdat: A Variational Perspective on Solving Inverse Problems with Diffusion Models. ICLR 2024.",
            new Dictionary<string, SolverParameters> { ["paper"] = RedDiffParameters.Paper, ["balanced"] = RedDiffParameters.Balanced, ["fast"] = RedDiffParameters.Fast }),
        new SolverDescription(
            "ddpmConsistency",
            "DDPM with k-space consistency",
            "Ho, Jain, Abbeel: Denoising Diffusion Probabilistic Models. NeurIPS 2020. Measured lines replaced after Song, Shen, Xing, Ermon: Solving Inverse Problems in Medical Imaging with Score-Based Generative Models. ICLR 2022.",
            new Dictionary<string, SolverParameters> { ["paper"] = DdpmConsistencyParameters.Paper, ["balanced"] = DdpmConsistencyParameters.Balanced, ["fast"] = DdpmConsistencyParameters.Fast }),
        new SolverDescription(
            "mriPurify",
            "MRI purification",
            "Alkhouri, Liang, Wang, Qu, Ravishankar: Robust Physics-based Deep MRI Reconstruction Via Diffusion Purification. 2023.",
            new Dictionary<string, SolverParameters> { ["paper"] = MriPurifyParameters.Paper, ["balanced"] = MriPurifyParameters.Balanced, ["fast"] = MriPurifyParameters.Fast }),
        new SolverDescription(
            "latentDps",
            "Latent-DPS",
            "Chung, Kim, Mccann, Klasky, Ye: Diffusion Posterior Sampling for General Noisy Inverse Problems. ICLR 2023.",
            new Dictionary<string, SolverParameters> { ["paper"] = LatentDpsPresets.Paper, ["balanced"] = LatentDpsPresets.Balanced, ["fast"] = LatentDpsPresets.Fast }),
        new SolverDescription(
            "treg",
            "TReg (without text)",
            "Kim, Park, Chung, Ye: Regularization by Texts for Latent Diffusion Inverse Solvers. ICLR 2025.",
            new Dictionary<string, SolverParameters> { ["paper"] = TRegPresets.Paper, ["balanced"] = TRegPresets.Balanced, ["fast"] = TRegPresets.Fast }),
        new SolverDescription(
            "daps",
            "LatentDAPS",
            "Zhang, Chu, Berner, Meng, Anandkumar, Song: Improving Diffusion Inverse Problem Solving with Decoupled Noise Annealing. CVPR 2025.",
            new Dictionary<string, SolverParameters> { ["paper"] = DapsPresets.Paper, ["balanced"] = DapsPresets.Balanced, ["fast"] = DapsPresets.Fast }),
        new SolverDescription(
            "psld",
            "PSLD",
            "Rout, Raoof, Daras, Caramanis, Dimakis, Shakkottai: Solving Linear Inverse Problems Provably via Posterior Sampling with Latent Diffusion Models. NeurIPS 2023.",
            new Dictionary<string, SolverParameters> { ["paper"] = PsldPresets.Paper, ["balanced"] = PsldPresets.Balanced, ["fast"] = PsldPresets.Fast }),
        new SolverDescription(
            "constrainedAdmm",
            "FAST-DIPS",
            "After Kim, Shin, Lim: FAST-DIPS: Adjoint-Free Analytic Steps and Hard-Constrained Likelihood Correction for Diffusion-Prior Inverse Problems. ICLR 2026, arXiv:2603.01591.",
            new Dictionary<string, SolverParameters> { ["paper"] = ConstrainedAdmmPresets.Paper, ["balanced"] = ConstrainedAdmmPresets.Balanced, ["fast"] = ConstrainedAdmmPresets.Fast }),
        new SolverDescription(
            "adjoint",
            "Adjoint",
            "The measurement as an image: zero-filled in MRI; in tomography filtered back-projection (Ramachandran, Lakshminarayanan: Three-dimensional reconstruction from radiographs and electron micrographs. PNAS 68, 1971).",
            new Dictionary<string, SolverParameters> { ["paper"] = AdjointParameters.Paper, ["balanced"] = AdjointParameters.Balanced, ["fast"] = AdjointParameters.Fast }),
        new SolverDescription(
            "leastSquares",
            "Regularised least squares",
            "Phillips: A technique for the numerical solution of certain integral equations of the first kind. JACM 9, 1962; weight: Morozov: On the solution of functional equations by the method of regularization. Soviet Math. Dokl. 7, 1966.",
            new Dictionary<string, SolverParameters> { ["paper"] = LeastSquaresParameters.Paper, ["balanced"] = LeastSquaresParameters.Balanced, ["fast"] = LeastSquaresParameters.Fast }),
        new SolverDescription(
            "totalVariation",
            "Total variation",
            "Rudin, Osher, Fatemi: Nonlinear total variation based noise removal algorithms. Physica D 60, 1992; by ADMM: Goldstein, Osher: The split Bregman method for L1-regularized problems. SIAM J. Imaging Sci. 2, 2009.",
            new Dictionary<string, SolverParameters> { ["paper"] = TotalVariationParameters.Paper, ["balanced"] = TotalVariationParameters.Balanced, ["fast"] = TotalVariationParameters.Fast }),
        new SolverDescription(
            "wavelet",
            "Wavelet thresholding",
            "Beck, Teboulle: A fast iterative shrinkage-thresholding algorithm for linear inverse problems. SIAM J. Imaging Sci. 2, 2009; cycle spinning: Coifman, Donoho: Translation-invariant de-noising. Wavelets and Statistics, 1995.",
            new Dictionary<string, SolverParameters> { ["paper"] = WaveletParameters.Paper, ["balanced"] = WaveletParameters.Balanced, ["fast"] = WaveletParameters.Fast }),
        new SolverDescription(
            "tspr",
            "TSPR",
            "Kwon, Li, Sarwate: Low-Rank Phase Retrieval with Structured Tensor Models. ICASSP 2022, arXiv:2202.08260.",
            new Dictionary<string, SolverParameters> { ["paper"] = TuckerPhaseRetrievalParameters.Paper, ["balanced"] = TuckerPhaseRetrievalParameters.Balanced, ["fast"] = TuckerPhaseRetrievalParameters.Fast }),
    ];

    /// <summary>A preset with some parameters replaced.</summary>
    /// <param name="type">The solver's name.</param>
    /// <param name="preset">The preset's name.</param>
    /// <param name="overrides">Parameters to replace, by their JSON names.</param>
    /// <exception cref="InvalidInputException">Unknown solver, preset or parameter, or a value out of range; names the field under <c>solver</c>.</exception>
    public static SolverParameters Resolve(string type, string preset, JsonObject? overrides)
    {
        SolverDescription solver = All.FirstOrDefault(s => s.Type == type)
            ?? throw new InvalidInputException("solver.type", $"There is no solver '{type}'. There is: {string.Join(", ", All.Select(s => s.Type))}.");
        if (!solver.Presets.TryGetValue(preset, out SolverParameters? parameters))
        {
            throw new InvalidInputException("solver.preset", $"{solver.Title} has no preset '{preset}'. It has: {string.Join(", ", solver.Presets.Keys)}.");
        }

        JsonObject merged = ToJson(parameters);
        foreach ((string name, JsonNode? value) in overrides ?? [])
        {
            if (!merged.ContainsKey(name))
            {
                throw new InvalidInputException($"solver.parameters.{name}", $"{solver.Title} has no parameter '{name}'. It has {(merged.Count == 0 ? "none" : string.Join(", ", merged.Select(p => p.Key)))}.");
            }

            merged[name] = value?.DeepClone();
            try
            {
                parameters = (SolverParameters)merged.Deserialize(parameters.GetType(), _json)!;
            }
            catch (JsonException)
            {
                throw new InvalidInputException($"solver.parameters.{name}", "The value has the wrong type.");
            }
        }

        var problems = new List<ValidationResult>();
        if (!Validator.TryValidateObject(parameters, new ValidationContext(parameters), problems, validateAllProperties: true))
        {
            string name = JsonNamingPolicy.CamelCase.ConvertName(problems[0].MemberNames.First());
            throw new InvalidInputException($"solver.parameters.{name}", problems[0].ErrorMessage!);
        }

        JsonObject unchanged = ToJson(solver.Presets[preset]);
        foreach (string name in parameters.WithoutEffect().Select(JsonNamingPolicy.CamelCase.ConvertName))
        {
            if (!JsonNode.DeepEquals(unchanged[name], merged[name]))
            {
                throw new InvalidInputException($"solver.parameters.{name}", "It has no effect beside the other parameters: the stage that it belongs to is switched off.");
            }
        }

        return parameters;
    }

    /// <summary>Why a model cannot serve a solver for want of gradients, in a sentence for the caller; null when it can.</summary>
    internal static string? GradientRefusal(SolverParameters parameters, ModelInfo model)
    {
        string[] missing = Missing(parameters, model);
        if (missing is [])
        {
            return null;
        }

        string title = All.First(solver => solver.Presets.Values.First().GetType() == parameters.GetType()).Title;
        IEnumerable<string> others = All.Where(solver => !solver.IsBaseline && Missing(solver.Presets["balanced"], model) is []).Select(solver => solver.Type);
        return $"{title} with these parameters needs the gradient of the {string.Join(" and of the ", missing)}, which the model '{model.Id}' does not give. With their balanced presets these solvers can use it: {string.Join(", ", others)}.";
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
    public static JsonObject ToJson(SolverParameters parameters) => JsonSerializer.SerializeToNode(parameters, parameters.GetType(), _json)!.AsObject();
}
