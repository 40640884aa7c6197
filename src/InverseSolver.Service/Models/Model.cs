using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;

namespace InverseSolver.Service.Models;

/// <summary>The state of a model.</summary>
internal enum ModelState
{
    /// <summary>Its weights are not in memory; the next job that needs it loads it.</summary>
    Unloaded,

    /// <summary>Its weights are being read.</summary>
    Loading,

    /// <summary>Its weights are in memory on one device or more.</summary>
    Loaded,

    /// <summary>It was unloaded while jobs use it, and is released with the last of them.</summary>
    Unloading,

    /// <summary>The last attempt to load it failed; <c>failure</c> states the reason. The next job tries again.</summary>
    Failed,
}

/// <summary>A pretrained model.</summary>
/// <param name="Id">Its name in requests.</param>
/// <param name="Version">Version of the weights.</param>
/// <param name="Title">A readable title in one line.</param>
/// <param name="Domain">The domain of its training images.</param>
/// <param name="Channels">Channels of the images.</param>
/// <param name="NativeHeight">Height of the training images.</param>
/// <param name="NativeWidth">Width of the training images.</param>
/// <param name="SizeMultiple">Images are padded up to multiples of this.</param>
/// <param name="FixedHeight">Height of the images where its files take a single one; null for any.</param>
/// <param name="FixedWidth">Width of the images where its files take a single one; null for any.</param>
/// <param name="Backends">The backends of its networks: libtorch, torchscript or onnx.</param>
/// <param name="Gradients">The gradients that its networks give; a solver that needs a missing one is refused.</param>
/// <param name="Missing">What keeps the model from solving problems, as the end of a sentence about it; null where nothing does.</param>
/// <param name="RoundTripRmse">The error of encoding and decoding an image, root mean square on [0,1].</param>
/// <param name="Licence">Terms of the weights.</param>
/// <param name="Hash">
/// SHA-256 over the hashes of the files that make up the model as they are on disk now; null where its card does not declare them and it was not needed yet.
/// </param>
/// <param name="Loaded">True where its weights are in memory.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Copies">
/// The devices with its weights, loaded or being loaded. There are several versions where its files changed while jobs wait for the earlier one.
/// </param>
/// <param name="Failure">The reason why the last attempt to load it failed.</param>
/// <param name="Details">The content of its package; null in lists.</param>
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
/// <param name="Hash">Its version.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Bytes">Bytes of the weights there; while they are being read, the expected bytes.</param>
/// <param name="Users">Jobs and requests that use it now.</param>
/// <param name="LastUsed">The time of its last use: where memory is needed, the longest unused copy is removed first.</param>
internal sealed record ModelCopy(string Device, string Hash, ModelState State, long Bytes, int Users, DateTimeOffset LastUsed);

/// <summary>The content of a model's package.</summary>
/// <param name="LatentChannels">Channels of the latent.</param>
/// <param name="LatentDownsampling">Height and width of the image over those of the latent.</param>
/// <param name="LatentScale">The scale of the encoder's latent.</param>
/// <param name="Prediction">The quantity that the denoiser was trained to predict.</param>
/// <param name="TrainTimesteps">Number of training timesteps.</param>
/// <param name="Precision">The denoiser's precision.</param>
/// <param name="Backends">The backends of its networks: <c>libtorch</c>, <c>torchscript</c> or <c>onnx</c>.</param>
/// <param name="Gradients">The gradients that its networks give; solvers that need a missing one refuse the model.</param>
/// <param name="Missing">What keeps the model from solving problems, as the end of a sentence about it; null where nothing does.</param>
/// <param name="HasConsistencyNetwork">True where it has a consistency network.</param>
/// <param name="ExpectedBytes">Bytes that its weights take on each device once they are loaded.</param>
/// <param name="Card">Its model.json unchanged; null where there is none.</param>
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
/// <param name="Items">The usable models.</param>
/// <param name="Broken">Packages that cannot be used.</param>
/// <param name="Devices">The memory for models.</param>
internal sealed record ModelList(IReadOnlyList<Model> Items, IReadOnlyList<BrokenModel> Broken, IReadOnlyList<ModelMemory> Devices);

/// <summary>The memory for models on a device.</summary>
/// <param name="Device"><c>cpu</c> or <c>cuda:N</c>.</param>
/// <param name="Slots">The number of jobs that it solves at once.</param>
/// <param name="BudgetBytes">The most bytes of all weights together (Models:MemoryBytes).</param>
internal sealed record ModelMemory(string Device, int Slots, long BudgetBytes);

/// <summary>A model that was loaded.</summary>
/// <param name="Device">The device.</param>
/// <param name="Hash">Its version.</param>
/// <param name="Bytes">Bytes of its weights there.</param>
/// <param name="Seconds">The duration; near 0 where it was already loaded.</param>
/// <param name="WarmUp">The times of the first call of each network, where requested.</param>
internal sealed record ModelLoad(string Device, string Hash, long Bytes, double Seconds, WarmUp? WarmUp);

/// <summary>The loaded copies of a model.</summary>
/// <param name="Id">The model.</param>
/// <param name="Items">One for each device.</param>
internal sealed record ModelLoadList(string Id, IReadOnlyList<ModelLoad> Items);

/// <summary>The unloaded copies of a model.</summary>
/// <param name="Id">The model.</param>
/// <param name="Copies">The number of copies that were unloaded.</param>
/// <param name="InUse">The number of these that are still used, and are released with their last use.</param>
internal sealed record ModelUnload(string Id, int Copies, int InUse);
