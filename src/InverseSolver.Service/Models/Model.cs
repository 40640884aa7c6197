using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;

namespace InverseSolver.Service.Models;

/// <summary>Where a model stands.</summary>
internal enum ModelState
{
    /// <summary>Its weights are in no memory; the next job that needs it loads it.</summary>
    Unloaded,

    /// <summary>Its weights are being read.</summary>
    Loading,

    /// <summary>Its weights are in memory on one device or more.</summary>
    Loaded,

    /// <summary>It was unloaded while jobs use it, and goes with the last of them.</summary>
    Unloading,

    /// <summary>The last attempt to load it failed; <c>failure</c> says why. The next job tries again.</summary>
    Failed,
}

/// <summary>A pretrained model.</summary>
/// <param name="Id">Its name in requests.</param>
/// <param name="Version">Version of the weights.</param>
/// <param name="Title">One line for people.</param>
/// <param name="Domain">Which images it was trained on.</param>
/// <param name="Channels">Channels of the images.</param>
/// <param name="NativeHeight">Height of the training images.</param>
/// <param name="NativeWidth">Width of the training images.</param>
/// <param name="SizeMultiple">Images are padded up to multiples of this.</param>
/// <param name="FixedHeight">Height of the images where its files take no other; null where any will do.</param>
/// <param name="FixedWidth">Width of the images where its files take no other; null where any will do.</param>
/// <param name="Backends">What runs its networks: libtorch, torchscript or onnx.</param>
/// <param name="Gradients">Which of its networks give gradients; a solver that needs one which is missing is refused.</param>
/// <param name="Missing">What keeps the model from solving problems, as the end of a sentence about it; null where nothing does.</param>
/// <param name="RoundTripRmse">What encoding and decoding an image loses, root mean square on [0,1].</param>
/// <param name="Licence">Terms of the weights.</param>
/// <param name="Hash">SHA-256 over the hashes of the files that make up the model as they are on disk now; null where its card does not declare them and nobody needed it yet.</param>
/// <param name="Loaded">Whether its weights are in memory.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Copies">Where its weights are, or are being brought to. More than one version is there when its files changed while jobs wait for the earlier one.</param>
/// <param name="Failure">Why it could not be loaded, where that failed last.</param>
/// <param name="Details">What its package holds; null in lists.</param>
internal sealed record Model(
    string Id,
    string Version,
    string Title,
    string Domain,
    int Channels,
    int? NativeHeight,
    int? NativeWidth,
    int SizeMultiple,
    int? FixedHeight,
    int? FixedWidth,
    ModelBackends? Backends,
    ModelGradients Gradients,
    string? Missing,
    double? RoundTripRmse,
    string? Licence,
    string? Hash,
    bool Loaded,
    ModelState State,
    IReadOnlyList<ModelCopy> Copies,
    string? Failure,
    ModelDetails? Details);

/// <summary>A model's weights on one device.</summary>
/// <param name="Device"><c>cpu</c> or <c>cuda:N</c>.</param>
/// <param name="Hash">Which version it is.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Bytes">What the weights take there; while they are being read, what they will take.</param>
/// <param name="Users">Jobs and requests that use it now.</param>
/// <param name="LastUsed">When it was last taken or given back: the one that was not used for longest goes first when memory is needed.</param>
internal sealed record ModelCopy(string Device, string Hash, ModelState State, long Bytes, int Users, DateTimeOffset LastUsed);

/// <summary>What a model's package holds.</summary>
/// <param name="LatentChannels">Channels of the latent.</param>
/// <param name="LatentDownsampling">Height and width of the image over those of the latent.</param>
/// <param name="LatentScale">What the encoder's latent is multiplied by.</param>
/// <param name="Prediction">What the denoiser was trained to predict.</param>
/// <param name="TrainTimesteps">Number of training timesteps.</param>
/// <param name="Precision">What the denoiser computes in.</param>
/// <param name="Backends">What runs its networks: <c>libtorch</c>, <c>torchscript</c> or <c>onnx</c>.</param>
/// <param name="Gradients">Which of its networks give gradients; solvers that need one that is missing refuse the model.</param>
/// <param name="Missing">What keeps the model from solving problems, as the end of a sentence about it; null where nothing does.</param>
/// <param name="HasConsistencyNetwork">Whether it has a consistency network.</param>
/// <param name="ExpectedBytes">Bytes that its weights take on each device once they are loaded.</param>
/// <param name="Card">Its model.json as it stands; null where there is none.</param>
/// <param name="Configs">The configs of its networks and its scheduler, by file name.</param>
/// <param name="Files">The files that make up the model; its hash is made of theirs.</param>
internal sealed record ModelDetails(
    int LatentChannels,
    int LatentDownsampling,
    double LatentScale,
    string Prediction,
    int TrainTimesteps,
    string Precision,
    ModelBackends? Backends,
    ModelGradients Gradients,
    string? Missing,
    bool HasConsistencyNetwork,
    long ExpectedBytes,
    JsonObject? Card,
    IReadOnlyDictionary<string, JsonObject> Configs,
    IReadOnlyList<PackageFile> Files);

/// <summary>All models.</summary>
/// <param name="Items">Those that can be used.</param>
/// <param name="Broken">Packages that cannot be used.</param>
/// <param name="Devices">The memory that models have.</param>
internal sealed record ModelList(IReadOnlyList<Model> Items, IReadOnlyList<BrokenModel> Broken, IReadOnlyList<ModelMemory> Devices);

/// <summary>The memory that models have on a device.</summary>
/// <param name="Device"><c>cpu</c> or <c>cuda:N</c>.</param>
/// <param name="Slots">Jobs that are solved there at once.</param>
/// <param name="BudgetBytes">What all weights together may take (Models:MemoryBytes).</param>
internal sealed record ModelMemory(string Device, int Slots, long BudgetBytes);

/// <summary>A model that was loaded.</summary>
/// <param name="Device">Where to.</param>
/// <param name="Hash">Which version.</param>
/// <param name="Bytes">What its weights take there.</param>
/// <param name="Seconds">How long it took; next to nothing where it was there already.</param>
/// <param name="WarmUp">What the first call of each network took, where that was asked for.</param>
internal sealed record ModelLoad(string Device, string Hash, long Bytes, double Seconds, WarmUp? WarmUp);

/// <summary>What was loaded.</summary>
/// <param name="Id">The model.</param>
/// <param name="Items">One for each device.</param>
internal sealed record ModelLoadList(string Id, IReadOnlyList<ModelLoad> Items);

/// <summary>What was unloaded.</summary>
/// <param name="Id">The model.</param>
/// <param name="Copies">How many copies were taken out of memory.</param>
/// <param name="InUse">How many of them are still used, and go with their last user.</param>
internal sealed record ModelUnload(string Id, int Copies, int InUse);
