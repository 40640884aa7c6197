namespace InverseSolver.Diffusion.Backends;

/// <summary>The role of an input of a network's file.</summary>
internal enum InputRole
{
    Sample,
    Timestep,
    Context,
    Labels,
}

/// <summary>Finds out which input is which: by usual names, else by the number of dimensions.</summary>
internal static class InputRoles
{
    private static readonly Dictionary<string, InputRole> Names = new(StringComparer.OrdinalIgnoreCase)
    {
        ["sample"] = InputRole.Sample,
        ["latent_sample"] = InputRole.Sample,
        ["latents"] = InputRole.Sample,
        ["noisy_latents"] = InputRole.Sample,
        ["timestep"] = InputRole.Timestep,
        ["timesteps"] = InputRole.Timestep,
        ["time"] = InputRole.Timestep,
        ["t"] = InputRole.Timestep,
        ["encoder_hidden_states"] = InputRole.Context,
        ["context"] = InputRole.Context,
        ["class_labels"] = InputRole.Labels,
        ["labels"] = InputRole.Labels,
    };

    /// <summary>The roles of inputs, in their order.</summary>
    /// <param name="file">The file as messages show it.</param>
    /// <param name="inputs">Names, and numbers of dimensions where they are known.</param>
    /// <exception cref="InvalidModelException">An input has no role, two have the same one, or there is no sample.</exception>
    internal static InputRole[] Of(string file, IReadOnlyList<(string Name, int? Rank)> inputs)
    {
        InputRole[] roles = [.. inputs.Select((input, i) => Names.TryGetValue(input.Name, out InputRole role) ? role : input.Rank switch
        {
            4 => InputRole.Sample,
            3 => InputRole.Context,
            0 or 1 => InputRole.Timestep,

            // Of a module's arguments only names are known: the sample comes first, the timestep second.
            null when i == 0 => InputRole.Sample,
            null when i == 1 => InputRole.Timestep,
            _ => throw new InvalidModelException($"{file}: the input {InvalidModelException.Quote(input.Name)} has an unknown role."),
        })];
        return roles.Distinct().Count() != roles.Length
            ? throw new InvalidModelException(
                $"{file}: the roles of the inputs are unknown ({string.Join(", ", inputs.Select(input => InvalidModelException.Quote(input.Name)))}); "
                    + "name them sample, timestep, encoder_hidden_states, class_labels.")
            : roles.Contains(InputRole.Sample) ? roles : throw new InvalidModelException($"{file}: it takes no sample (N, c, h, w).");
    }
}
