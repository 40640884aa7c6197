namespace InverseSolver.Diffusion;

/// <summary>The condition with which solvers call a conditional model; the same for every job, and part of the model's hash.</summary>
public sealed record ConditioningInfo
{
    /// <summary>The file with the context, by its name in the package's folder; null where the model has classes instead.</summary>
    public string? File { get; init; }

    /// <summary>The text of the context, from model.json; empty for the empty prompt, null where it is unknown.</summary>
    public string? Prompt { get; init; }

    /// <summary>The class, of a model that has classes.</summary>
    public int? ClassLabel { get; init; }

    /// <summary>The class without a condition, from which guidance leads away.</summary>
    public int? UnconditionalClass { get; init; }

    /// <summary>s of classifier-free guidance (Ho and Salimans 2022): ε = ε_u + s (ε_c − ε_u). 1 is no guidance, and half the work.</summary>
    public double GuidanceScale { get; init; } = 1;
}
