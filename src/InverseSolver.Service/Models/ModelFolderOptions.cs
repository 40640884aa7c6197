using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Models;

/// <summary>Where models are, and where they compute.</summary>
internal sealed class ModelFolderOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Models";

    /// <summary>Folders whose subfolders are model packages.</summary>
    [Required, MinLength(1)] public string[] Folders { get; init; } = [];

    /// <summary><c>auto</c>: the first GPU if there is one; or <c>cpu</c>, <c>cuda</c>, <c>cuda:N</c>.</summary>
    [RegularExpression("auto|cpu|cuda(:[0-9]+)?")] public string Device { get; init; } = "auto";
}

/// <summary>Checks the model options at start-up.</summary>
[OptionsValidator]
internal sealed partial class ModelFolderOptionsValidator : IValidateOptions<ModelFolderOptions>;
