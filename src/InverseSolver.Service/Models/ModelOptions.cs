using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Models;

/// <summary>Where models are.</summary>
internal sealed class ModelOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Models";

    /// <summary>Folders whose subfolders are model packages.</summary>
    [Required, MinLength(1)] public string[] Folders { get; init; } = [];
}

/// <summary>Checks the model options at start-up.</summary>
[OptionsValidator]
internal sealed partial class ModelOptionsValidator : IValidateOptions<ModelOptions>;
