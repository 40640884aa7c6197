using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion.Packages;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Models;

/// <summary>The folders of models and the devices that they use.</summary>
internal sealed class ModelFolderOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Models";

    /// <summary>
    /// Folders whose subfolders are model packages, relative ones to the working directory. Empty: <c>models</c> in the working directory,
    /// or else in the nearest folder above the program that has one.
    /// </summary>
    public string[] Folders { get; init; } = [];

    /// <summary>The folders that are searched.</summary>
    public IReadOnlyList<string> Searched => field ??= Folders is [] ? [ModelCatalog.DefaultFolder()] : Folders;

    /// <summary>
    /// <c>auto</c>: every GPU, or the CPU where there is none; <c>cpu</c>, <c>cuda</c> (the first GPU), <c>cuda:N</c>; or several of these with commas between
    /// them. Each is a slot that solves one job at a time; a device that is named twice has two, which share their models.
    /// </summary>
    [RegularExpression("auto|(cpu|cuda(:[0-9]{1,3})?)(, ?(cpu|cuda(:[0-9]{1,3})?)){0,63}")] public string Device { get; init; } = "auto";

    /// <summary>
    /// The most bytes of models' weights on each device; 0: half of its memory. Unused models are removed when another one needs their memory.
    /// </summary>
    [Range(0, long.MaxValue)] public long MemoryBytes { get; init; }

    /// <summary>The denoiser's precision: <c>float32</c>, or on a GPU <c>float16</c> or <c>bfloat16</c>. Everything else is float32.</summary>
    [RegularExpression("float32|float16|bfloat16")] public string Precision { get; init; } = "float32";

    /// <summary>The same for single models, by id: <c>Models:Precisions:my-model</c>.</summary>
    public Dictionary<string, Precision> Precisions { get; init; } = [];

    /// <summary>
    /// True to let a GPU multiply float32 matrices and convolve with the ten-bit mantissas of TF32: faster, but no longer exact to single precision.
    /// </summary>
    public bool Tf32 { get; init; }

    /// <summary>True where feature maps have their channels last in memory: on a GPU often faster in half precision.</summary>
    public bool ChannelsLast { get; init; }

    /// <summary>Threads that share one operator on the CPU; 0: the cores over the number of slots. libtorch's own default is half of the cores.</summary>
    [Range(0, 1024)] public int Threads { get; init; }
}

/// <summary>The precision of a denoiser.</summary>
internal enum Precision
{
    Float32,
    Float16,
    BFloat16,
}

/// <summary>Checks the model options at start-up.</summary>
[OptionsValidator]
internal sealed partial class ModelFolderOptionsValidator : IValidateOptions<ModelFolderOptions>;
